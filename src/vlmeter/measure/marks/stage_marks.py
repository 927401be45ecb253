"""Marks inside a run: where the calls of modules begin and end, and where decode steps do.

Which modules begin and end a stage is found out by a run: those that are called while another
stage is at work. A module that only holds others is never called, and differs from family to
family.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from vlmeter.measure.clock import Call
from vlmeter.measure.marks.timeline import PartT, Timeline

_FIRST_STEP = 2
"""The first call of the decoder is the prefill."""
NO_STAGE = ""


@dataclass
class Calls:
    """How often a module was called."""

    number: int = 0


@contextmanager
def mark_calls(timeline: Timeline[PartT], part_of: Mapping[nn.Module, PartT]) -> Iterator[None]:
    """Mark each call of these modules as the part that it is of, inside the block.

    Blocks nest: of a module that two of them mark, the inner block's part is inside the outer's. An
    end leaves the innermost part, whichever of the two it is of.
    """

    def begin(part: PartT) -> Callable[..., None]:
        return lambda *_: timeline.begin(part)

    handles = []
    try:
        for module, part in part_of.items():
            handles.append(module.register_forward_pre_hook(begin(part)))
            handles.append(module.register_forward_hook(lambda *_: timeline.end()))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def count_calls(module: nn.Module) -> Iterator[Calls]:
    """Count a module's calls inside the block."""
    calls = Calls()

    def count(*_: object) -> None:
        calls.number += 1

    handle = module.register_forward_pre_hook(count)
    try:
        yield calls
    finally:
        handle.remove()


@contextmanager
def mark_decode_steps(
    timeline: Timeline[PartT], decoder: nn.Module, prefill: PartT, decode: PartT
) -> Iterator[None]:
    """Let one part follow on another at the first decode step of the run inside the block.

    Args:
        timeline: Takes the mark.
        decoder: Called once for each token.
        prefill: The part that is at work before; inside another one, there is no place to part.
        decode: The part from then on.
    """
    with count_calls(decoder) as calls:

        def follow(*_: object) -> None:
            if calls.number == _FIRST_STEP:
                timeline.follow(prefill, decode)

        handle = decoder.register_forward_pre_hook(follow)
        try:
            yield
        finally:
            handle.remove()


def find_stage_modules(
    model: nn.Module, stage_of: Callable[[str], str | None], run: Call
) -> dict[nn.Module, str]:
    """Return the modules whose calls begin and end a stage in a run, with their stages.

    Args:
        model: The model.
        stage_of: The stage that a module's calls are of, by its name from the top: `NO_STAGE` for
            none, None for that of whatever calls it.
        run: Runs the model.
    """
    at_work = [NO_STAGE]
    beginning: dict[nn.Module, str] = {}

    def enter(stage: str) -> Callable[..., None]:
        def note(module: nn.Module, *_: object) -> None:
            if stage != at_work[-1]:
                beginning[module] = stage
            at_work.append(stage)

        return note

    def leave(*_: object) -> None:
        at_work.pop()

    handles = []
    try:
        for name, module in model.named_modules():
            stage = stage_of(name)
            if stage is not None:
                handles.append(module.register_forward_pre_hook(enter(stage)))
                handles.append(module.register_forward_hook(leave))
        run()
    finally:
        for handle in handles:
            handle.remove()
    return beginning
