"""A cell's requests: the first cost batch again, from its files' bytes to the answers' words.

What a user waits for. The images come as the data set holds them and go the way that the study's
images went before, so that the model gets what it gets in every other measurement.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from vlmeter.cell.worker.workload import Workload
from vlmeter.data.pixels import decode_rgb, resize_rgb
from vlmeter.errors import Sentence
from vlmeter.measure.clock import Clock
from vlmeter.measure.latency import Timing
from vlmeter.measure.marks.stage_marks import (
    count_calls,
    find_stage_modules,
    mark_calls,
    mark_decode_steps,
)
from vlmeter.measure.marks.stopwatch import Stopwatch
from vlmeter.measure.marks.timeline import Timeline
from vlmeter.measure.request.result import (
    CONNECTOR,
    DECODE,
    DECODE_IMAGE,
    DETOKENIZE,
    OTHER,
    PREFILL,
    PROCESSOR,
    RESIZE,
    TOKENIZE,
    TRANSFER,
    VISION,
    Request,
)
from vlmeter.measure.request.timing import (
    Enter,
    Load,
    MarkedRequest,
    RequestPlan,
    measure_request,
)
from vlmeter.models.families.base import QFORMER
from vlmeter.models.generate import generate
from vlmeter.models.inputs import list_text_inputs

_PART_OF_STAGE = {VISION: VISION, CONNECTOR: CONNECTOR, QFORMER: CONNECTOR}
"""What of a request a model's stage is; the rest of a generation is told apart by its tokens."""


@dataclass(frozen=True)
class Requests:
    """A full batch of requests."""

    workload: Workload
    originals: Sequence[bytes]
    """The images of its samples, encoded as the data set holds them."""
    new_tokens: int

    def run(self, enter: Enter) -> list[str]:
        """Answer them: the whole batch is prepared, then computed.

        Args:
            enter: Enters a part for the time of a `with` block.
        """
        feeder, images = self.workload.feeder, self.workload.images
        with enter(DECODE_IMAGE):
            pictures = [decode_rgb(data) for data in self.originals]
        with enter(RESIZE):
            form = partial(
                resize_rgb,
                image_size=images.image_size,
                keeps_aspect_ratio=images.keeps_aspect_ratio,
            )
            resized = feeder.resize([form(picture) for picture in pictures])
        with enter(TOKENIZE):
            texts = feeder.write_texts(self.workload.first_items)
        with enter(PROCESSOR):
            processed = feeder.process(resized, texts)
        first = self.workload.cost_batches[0]
        with enter(TRANSFER):
            inputs = feeder.transfer(processed)
            widths = {name: first[name].shape[1] for name in list_text_inputs(first)}
            inputs = feeder.pad(inputs, widths)
        return self._answer(inputs, enter)

    def _answer(self, inputs: Mapping[str, Any], enter: Enter) -> list[str]:
        loaded = self.workload.loaded
        # What a generation does before its first decode step is the prefill's, but for the stages.
        with enter(PREFILL), loaded.inference():
            new = generate(loaded, dict(inputs), self.workload.decoding, self.new_tokens)
            # The host waits here until the device has chosen the last token.
            tokens = new.tolist()
        with enter(DETOKENIZE):
            return [loaded.tokenizer.decode(row, skip_special_tokens=True) for row in tokens]


def measure_requests(
    workload: Workload,
    clock: Clock,
    stopwatch: Stopwatch,
    plan: RequestPlan,
    new_tokens: int,
    *,
    gpus: int,
    ranks_options: bool,
) -> tuple[Request, list[Timing]]:
    """Time a full batch of requests, whole and in parts.

    Args:
        workload: The cell's model and samples.
        clock: The clock of the device.
        stopwatch: Takes the marks.
        plan: When it ends.
        new_tokens: Forced length of an answer.
        gpus: GPUs that the model is on.
        ranks_options: Whether the quality pass also scores the options of a multiple choice.
    """
    requests = Requests(workload, workload.read_originals(), new_tokens)
    notes = list(_list_notes(workload, gpus, ranks_options=ranks_options))
    load = Load(len(requests.originals), workload.sequence_length, new_tokens)
    marked = None if gpus > 1 else _find_parts(requests, stopwatch)
    return measure_request(requests.run, marked, clock, plan, load, notes)


def _list_notes(workload: Workload, gpus: int, *, ranks_options: bool) -> Iterator[str]:
    if gpus > 1:
        # Each GPU has streams of its own, and events of different streams have no common clock.
        yield Sentence("the parts of a request are not timed on several GPUs, which share no clock")
    if workload.loaded.optimization.compile is not None:
        yield Sentence("a request runs uncompiled: compilation covers the timed forward alone")
    if ranks_options:
        yield Sentence("the scoring of options is no part of a request")


def _find_parts(requests: Requests, stopwatch: Stopwatch) -> MarkedRequest:
    """Return how the parts are timed, by what a request calls in a run of its own."""
    loaded, calls = requests.workload.loaded, 0

    @contextmanager
    def count() -> Iterator[None]:
        nonlocal calls
        calls += 1
        yield

    def part_of(name: str) -> str | None:
        return _PART_OF_STAGE.get(loaded.family.stage_of(name) or "")

    with (
        _around_each_call(loaded.tokenizer, count),
        count_calls(loaded.generator) as decoder_calls,
    ):
        modules = find_stage_modules(
            loaded.model, part_of, lambda: requests.run(lambda _: nullcontext())
        )
    missing = _find_missing(
        set(modules.values()),
        counts=decoder_calls.number == requests.new_tokens,
        tokenizes=calls > 0,
    )

    @contextmanager
    def mark(timeline: Timeline[str]) -> Iterator[None]:
        enter = partial(timeline.enter, TOKENIZE)
        with (
            mark_decode_steps(timeline, loaded.generator, PREFILL, DECODE),
            mark_calls(timeline, modules),
            _around_each_call(loaded.tokenizer, enter),
        ):
            yield

    return MarkedRequest(Timeline(stopwatch, OTHER), mark, missing)


def _find_missing(parts: Collection[str], *, counts: bool, tokenizes: bool) -> dict[str, str]:
    """Return the parts that cannot be told apart, with their reasons.

    Args:
        parts: Those of which modules were called.
        counts: Whether the language model was called once for each token.
        tokenizes: Whether the processor calls its tokenizer.
    """
    missing: dict[str, str] = {}
    if not tokenizes:
        missing[TOKENIZE] = Sentence(
            "the processor does not call its tokenizer: tokenising is part of processor, and "
            "filling the prompt's template of other"
        )
    if CONNECTOR not in parts:
        missing[CONNECTOR] = Sentence(
            "the family has no connector of its own: what it does is part of vision or of prefill"
        )
    if VISION not in parts:
        unseen = Sentence(
            "no module of a vision encoder was called: vision, connector and prefill are part of "
            "other"
        )
        missing |= dict.fromkeys((VISION, CONNECTOR, PREFILL), unseen)
    if not counts:
        uncounted = Sentence(
            "the language model was not called once for each token: prefill and decode steps are "
            "part of other"
        )
        missing |= dict.fromkeys((PREFILL, DECODE), uncounted)
    return missing


@contextmanager
def _around_each_call(
    thing: Any,  # noqa: ANN401 - a tokenizer of transformers
    enter: Callable[[], AbstractContextManager[None]],
) -> Iterator[None]:
    """Enter a block around each call of an object, which stays what it is to everyone else."""
    kind = type(thing)

    def call(self: Any, *given: Any, **options: Any) -> Any:  # noqa: ANN401
        with enter():
            return kind.__call__(self, *given, **options)

    # Python looks a call up in the class: an attribute of the object would not be called.
    thing.__class__ = type(kind.__name__, (kind,), {"__call__": call})
    try:
        yield
    finally:
        thing.__class__ = kind
