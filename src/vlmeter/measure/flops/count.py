"""Floating-point operations of a forward pass and of a decode step.

A pass is counted by fvcore on one trace, and held against what torch dispatches; a step by the
latter alone.

fvcore counts a multiply-add as one; the figures here count it as two, as the field's published
figures do. Counted are convolutions, linear layers, matrix products and attention; normalisations
stand apart. The same model in eager mode and with scaled dot product attention (SDPA) has the same
count, and so has its compiled form, of which the uncompiled module is what is counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

from vlmeter.measure.flops.decode_step import capture_decode_step
from vlmeter.measure.flops.dispatch import count_dispatched_flops
from vlmeter.measure.flops.operators import (
    MATRIX_HANDLES,
    NORM_HANDLES,
    NORM_NAMES,
    describe_uncounted,
)
from vlmeter.measure.flops.result import DecodeStep, Flops

CONVENTION = (
    "2 per multiply-add over convolutions, linear layers, matrix products and attention, of one"
    " forward pass of the full batch; normalisations apart, element-wise operators and triangular"
    " solves not counted"
)

StageOf = Callable[[str], str | None]
"""The stage of a module by its dotted name, or None where it belongs to none."""

UNSTAGED = "other"
"""The key of operations in modules that belong to no stage."""


@dataclass(frozen=True)
class _Counted:
    by_module: dict[str, int]
    normalisation: int | None
    """None where no trace shows them."""
    uncounted: dict[str, int]
    counter: str = "fvcore"


class _Positional(nn.Module):
    """Gives the tracer what it needs: tensors in, one tensor out, no cache object."""

    def __init__(self, model: nn.Module, names: Sequence[str], fixed: Mapping[str, object]) -> None:
        super().__init__()
        self.model = model
        self._names = names
        self._fixed = fixed

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        """Return the model's first output, which is its logits."""
        named = dict(zip(self._names, tensors, strict=True))
        outputs = self.model(**named, **self._fixed, return_dict=False)
        return outputs[0]  # type: ignore[no-any-return]


def count_flops(
    model: nn.Module,
    inputs: Mapping[str, object],
    stages: StageOf | Mapping[str, Sequence[str]],
    batch_size: int,
) -> Flops:
    """Count one forward pass, which runs once.

    Args:
        model: The uncompiled model, in whatever attention implementation it runs.
        inputs: Its keyword arguments; tensors and flags.
        stages: The stage of a module by its name, or the name prefixes of each stage.
        batch_size: Samples of the batch, which no shape shows for every model: pixels may come as
            tiles or patches of all images together.
    """
    stage_of = stages if callable(stages) else make_stage_lookup(stages)
    forward = _count_by_both(model, {**inputs, "use_cache": False})
    own = _subtract_children(forward.by_module)
    by_stage: Counter[str] = Counter()
    for name, flops in own.items():
        if flops:
            by_stage[stage_of(name) or UNSTAGED] += flops
    total = forward.by_module[""]
    reason = describe_uncounted(forward.uncounted)
    return Flops(
        flops=None if reason else total,
        flops_reason=reason,
        per_sample=None if reason else total / batch_size,
        by_stage=dict(by_stage),
        normalisation_flops=forward.normalisation,
        convention=CONVENTION,
        counter=forward.counter,
        uncounted=forward.uncounted,
        batch_size=batch_size,
        by_module=forward.by_module,
        own_by_module=own,
    )


def make_stage_lookup(stages: Mapping[str, Sequence[str]]) -> StageOf:
    """Return a stage function from each stage's module name prefixes; the longest match decides."""
    by_prefix = {prefix: stage for stage, prefixes in stages.items() for prefix in prefixes}

    def stage_of(name: str) -> str | None:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            stage = by_prefix.get(".".join(parts[:length]))
            if stage is not None:
                return stage
        return None

    return stage_of


def count_decode_step(
    generate: Callable[[int], object], decoder: nn.Module, decoded_tokens: int = 0
) -> DecodeStep:
    """Count one decode step of a generation, as it runs.

    Args:
        generate: Generates exactly as many tokens as it is given, for one full batch.
        decoder: The module that decodes, from token ids to logits, with a cache.
        decoded_tokens: Tokens decoded and cached before the step, besides the first.
    """
    with torch.no_grad():
        step = capture_decode_step(generate, decoder, decoded_tokens)
    counted = count_dispatched_flops(decoder, step)
    reason = describe_uncounted(counted.uncounted)
    own = {} if reason else _subtract_children(counted.by_module)
    return DecodeStep(None if reason else counted.by_module[""], reason, own)


def count_mean_decode_step(
    generate: Callable[[int], object], decoder: nn.Module, steps: int
) -> DecodeStep:
    """Count the mean of successive decode steps, each over a cache one position longer.

    Attention's work grows linearly with the cache, so the mean is that of the first and the last.
    """
    first, last = (count_decode_step(generate, decoder, step) for step in (0, steps - 1))
    if first.flops is None or last.flops is None:
        return DecodeStep(None, first.reason or last.reason, {})
    own = {
        name: (flops + last.own_by_module[name]) / 2 for name, flops in first.own_by_module.items()
    }
    return DecodeStep((first.flops + last.flops) / 2, None, own)


def _count_by_both(model: nn.Module, inputs: Mapping[str, object]) -> _Counted:
    """Count by fvcore, held against what torch dispatches.

    Either can only miss work, so the larger count is the right one. fvcore's trace leaves out
    layers whose result nothing reads, such as LLaVA's last of the vision tower, which run all the
    same; and some models do what the tracer cannot follow, each with an exception of its own.
    """
    dispatched = count_dispatched_flops(model, inputs)
    try:
        # The tracer keeps the Python stack of each operator, which takes the longer the deeper it
        # is: a thread begins with an empty one.
        with _drop_new_hooks(model), ThreadPoolExecutor(1) as thread:
            counted = thread.submit(_count, model, inputs).result()
    except torch.OutOfMemoryError:
        raise
    except Exception:
        return _Counted(dispatched.by_module, None, dispatched.uncounted, counter="torch")
    if dispatched.by_module[""] > counted.by_module[""]:
        return replace(counted, by_module=dispatched.by_module, counter="torch")
    return counted


@contextmanager
def _drop_new_hooks(model: nn.Module) -> Iterator[None]:
    """Take off what fvcore leaves on each module where its trace fails: it would be timed next."""
    tables = [
        hooks
        for module in model.modules()
        for hooks in (module._forward_hooks, module._forward_pre_hooks)
    ]
    before = [set(hooks) for hooks in tables]
    try:
        yield
    finally:
        for hooks, kept in zip(tables, before, strict=True):
            for number in hooks.keys() - kept:
                del hooks[number]


def _count(model: nn.Module, inputs: Mapping[str, object]) -> _Counted:
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    fixed = {name: value for name, value in inputs.items() if name not in tensors}
    wrapper = _Positional(model, list(tensors), fixed)
    analysis = FlopCountAnalysis(wrapper, tuple(tensors.values()))
    analysis.clear_op_handles()
    analysis.set_op_handle(**MATRIX_HANDLES, **NORM_HANDLES)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    with torch.no_grad():
        counted = analysis.by_module_and_operator()
    by_module = {
        name.removeprefix("model").removeprefix("."): 2 * _matrix_macs(operators)
        for name, operators in counted.items()
        if name
    }
    norms = sum(count for name, count in counted[""].items() if name in NORM_NAMES)
    return _Counted(by_module, int(norms), dict(sorted(analysis.unsupported_ops().items())))


def _matrix_macs(operators: Mapping[str, float]) -> int:
    return int(sum(count for name, count in operators.items() if name not in NORM_NAMES))


def _subtract_children(by_module: Mapping[str, int]) -> dict[str, int]:
    """What each module does itself: its inclusive count less its children's."""
    own = dict(by_module)
    for name, flops in by_module.items():
        if name:
            own[name.rpartition(".")[0]] -= flops
    return own
