"""Which kernels a forward pass really ran in each stage, as torch's profiler saw them.

What was asked for stands in a model's config; what ran is decided in torch, by shapes, number
format and device. One pass under the profiler shows it, apart from every timed one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile, record_function

from vlmeter.errors import Sentence, one_line
from vlmeter.models.families import PREFILL, Family
from vlmeter.models.optimization import Optimization
from vlmeter.status import UnsupportedError

DECODE = "decode"
"""The stage of what the language model does after its first call in a pass."""
_STAGE = "stage "
_KERNELS = {
    "aten::_scaled_dot_product_flash_attention_for_cpu": "sdpa flash",
    "aten::_scaled_dot_product_flash_attention": "sdpa flash",
    "aten::_scaled_dot_product_efficient_attention": "sdpa memory-efficient",
    "aten::_scaled_dot_product_cudnn_attention": "sdpa cudnn",
    "aten::_scaled_dot_product_attention_math": "sdpa math",
    "aten::_scaled_dot_product_attention_math_for_mps": "sdpa math",
    "aten::_scaled_dot_product_fused_attention_overrideable": "sdpa fused",
    "aten::_flash_attention_forward": "flash",
    "flash_attn::_flash_attn_forward": "flash_attention_2",
    "flash_attn::_flash_attn_varlen_forward": "flash_attention_2",
    "aten::_weight_int4pack_mm_for_cpu": "int4 matmul",
    "aten::_weight_int4pack_mm": "int4 matmul",
    "aten::_weight_int8pack_mm": "int8 matmul",
    "aten::_int_mm": "int8 matmul",
    "aten::_scaled_mm": "fp8 matmul",
}
"""Names of kernels by the operator that runs each."""
_COMPILED = "Torch-Compiled Region"
_SOFTMAX = "aten::_softmax"
_WHOLE = "model"
"""The place of a kernel that ran in no stage: a model that is compiled as one has none."""
COMPILED, EAGER = "compiled", "eager matmul and softmax"
_BACKENDS = {
    "flash": (SDPBackend.FLASH_ATTENTION, "sdpa flash"),
    "efficient": (SDPBackend.EFFICIENT_ATTENTION, "sdpa memory-efficient"),
    "math": (SDPBackend.MATH, "sdpa math"),
    "cudnn": (SDPBackend.CUDNN_ATTENTION, "sdpa cudnn"),
}
"""Each back end of scaled dot product attention, with the name of its kernel."""
_NO_KERNEL = ("No viable backend", "No available kernel")
"""What torch begins with where the back end cannot serve; the first of a CPU, the other of CUDA."""


@contextmanager
def limit_sdpa(optimization: Optimization) -> Iterator[None]:
    """Let torch take no other back end of its fused attention than the one that is asked for.

    Raises:
        UnsupportedError: inside the block, that back end cannot serve; in torch's words.
    """
    if optimization.sdpa_backend is None:
        yield
        return
    backend, _ = _BACKENDS[optimization.sdpa_backend]
    try:
        with sdpa_kernel(backend):
            yield
    except RuntimeError as error:
        words = one_line(error)
        if not words.startswith(_NO_KERNEL):
            raise
        asked = f"{optimization.name}: sdpa by {optimization.sdpa_backend}"
        raise UnsupportedError(f"{asked}: {words}") from error


def find_kernels_by_stage(
    model: Any,  # noqa: ANN401 - any torch module
    family: Family,
    run: Callable[[], object],
) -> dict[str, list[str]]:
    """Return the attention and quantised kernels of each stage of a pass.

    Args:
        model: What runs.
        family: Maps modules to stages.
        run: One forward pass, or a generation, whose steps after the first are the stage `decode`.
    """
    with _mark_stages(model, family), profile(activities=[ProfilerActivity.CPU]) as profiler:
        run()
    by_stage: dict[str, set[str]] = {}
    # `profiler.events()` makes an object of Python of each event, a hundred times as long.
    events = profiler.profiler.kineto_results.experimental_event_tree()
    for stage, kernel in _iterate_kernels(events, _WHOLE):
        by_stage.setdefault(stage, set()).add(kernel)
    return {stage: sorted(kernels) for stage, kernels in by_stage.items()}


def check_attention(
    optimization: Optimization, kernels: Mapping[str, list[str]]
) -> tuple[Sentence, ...]:
    """Compare what was asked for with what ran.

    Returns:
        A sentence for every stage that ran with something else.

    Raises:
        UnsupportedError: no stage ran with what was asked for, so that the figures would be of
            something else under its name.
    """
    if optimization.compile is not None:
        return tuple(
            Sentence(f"{stage} ran in part uncompiled, with {EAGER}")
            for stage, ran in kernels.items()
            if EAGER in ran
        )
    asked = {stage: optimization.attention_of(stage) for stage in kernels}
    backend = optimization.sdpa_backend
    strayed = {
        stage: kind for stage, kind in asked.items() if not _ran(kind, backend, kernels[stage])
    }
    if strayed and len(strayed) == len(asked):
        ran = "; ".join(f"{stage}: {', '.join(kernels[stage])}" for stage in strayed)
        raise UnsupportedError(
            f"{optimization.name}: accepted, but no stage of the model ran with it ({ran})"
        )
    return tuple(
        Sentence(f"{stage} was to run with {kind} and ran with {', '.join(kernels[stage])}")
        for stage, kind in strayed.items()
    )


def _ran(asked: str, backend: str | None, kernels: list[str]) -> bool:
    attention = [kernel for kernel in kernels if not kernel.endswith("matmul")]
    marks = {
        "eager": EAGER,
        "sdpa": "sdpa " if backend is None else _BACKENDS[backend][1],
        "flash_attention_2": "flash_attention_2",
        "flex_attention": COMPILED,
    }
    return not attention or any(kernel.startswith(marks[asked]) for kernel in attention)


def _find_kernel(name: str) -> str | None:
    if name.startswith(_COMPILED):
        return COMPILED
    return EAGER if name == _SOFTMAX else _KERNELS.get(name)


def _iterate_kernels(
    events: Iterable[Any], stage: str, is_fused: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the stage and the name of each kernel among the profiler's events and those below.

    Args:
        events: What ran one after the other.
        stage: What they ran in.
        is_fused: Whether they are steps of scaled dot product attention, softmax among them.
    """
    for event in events:
        kernel = _find_kernel(event.name)
        if kernel is not None and not (kernel == EAGER and is_fused):
            yield stage, kernel
        inner = event.name.removeprefix(_STAGE) if event.name.startswith(_STAGE) else stage
        yield from _iterate_kernels(
            event.children, inner, is_fused or "scaled_dot_product" in event.name
        )


@contextmanager
def _mark_stages(model: Any, family: Family) -> Iterator[None]:  # noqa: ANN401
    """Mark what belongs to a stage until the end of the block.

    Every module, since a model may call parts of a stage one by one; none that is compiled, for
    which a hook would be another program.
    """
    handles: list[Any] = []
    steps: list[None] = []
    generator = model.get_submodule(family.generator)
    handles.append(generator.register_forward_pre_hook(lambda *_: steps.append(None)))
    compiled = [
        name for name, module in model.named_modules() if module._compiled_call_impl is not None
    ]
    for name, module in model.named_modules():
        stage = family.stage_of(name)
        inside = any(not top or name == top or name.startswith(f"{top}.") for top in compiled)
        if stage is not None and not inside:
            handles += _mark_module(module, stage, steps)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _mark_module(module: torch.nn.Module, stage: str, steps: Sequence[None]) -> list[Any]:
    ranges: list[Any] = []

    def begin(*_: object) -> None:
        now = DECODE if stage == PREFILL and len(steps) > 1 else stage
        ranges.append(record_function(f"{_STAGE}{now}"))
        ranges[-1].__enter__()

    def end(*_: object) -> None:
        ranges.pop().__exit__(None, None, None)

    return [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]
