"""Operations counted by VLMeter beside torch's own counter and the published figures."""

from collections.abc import Callable, Iterator

import torch
from comparison import Comparison
from full_size import PUBLISHED, inputs_of
from ours import count_decode_step, count_flops
from subject import TEXT_TOKENS, Subject
from torch.utils.flop_counter import FlopCounterMode

PUBLISHED_PARAMETERS = 3.7e9
"""About as many has the model whose counts are published."""


def flops(subject: Subject) -> Iterator[Comparison]:
    """A forward pass and a decode step by the two counters, and one sample as published."""
    workload = subject.workload(1)
    loaded, generate = workload.loaded, workload.generation
    counted = count_flops(loaded.model, workload.cost_batches[0], loaded.family.stage_of, 1)
    theirs = dispatched(workload.forwards()[0])
    yield _gflop("forward / FlopCounterMode", counted.flops, theirs, 0)
    # The second token is decoded over the cache of the prompt.
    step = dispatched(lambda: generate(2)) - dispatched(lambda: generate(1))
    counted_step = count_decode_step(workload.generate_plainly, loaded.generator)
    yield _gflop("decode step / FlopCounterMode", counted_step.flops, step, 0.001)
    if subject.parameters < PUBLISHED_PARAMETERS:
        return
    for text_tokens, published in PUBLISHED:
        inputs = inputs_of(loaded.model, 1, text_tokens, subject.device, loaded.dtype)
        again = counted if text_tokens == TEXT_TOKENS else None
        again = again or count_flops(loaded.model, inputs, loaded.family.stage_of, 1)
        what = f"{text_tokens} text tokens / published"
        yield _gflop(what, again.flops, published * 1e9, 0.001)


def dispatched(run: Callable[[], object]) -> int:
    """Return the operations that torch's own counter sees."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def _gflop(what: str, ours: float | None, reference: float, limit: float) -> Comparison:
    return Comparison(f"FLOPs, {what}", (ours or 0) / 1e9, reference / 1e9, "GFLOP", limit)
