"""The optimisations: whether they run, whether they run what they say, and whether it is right."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from comparison import Comparison, WordComparison
from costs import bytes_limit, stored_bytes, timer
from counts import dispatched
from ours import (
    Call,
    Compilation,
    Compile,
    LatencyPlan,
    Optimization,
    QuantizationByPart,
    UnsupportedError,
    Workload,
    compute_weights_bytes,
    count_flops,
    expose_matmuls,
    find_cache_in_use,
    find_kernels_by_stage,
    fix_rounds,
    measure_latency,
)
from subject import DECODING, Subject, logits_of
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoConfig, AutoModelForImageTextToText

REFUSED, ACCEPTED = "refused", "accepted"
ROWS = {"cuda": 4, "cpu": 1}
Truths = Iterator[Comparison | WordComparison]

_OPERATORS = {
    "_scaled_dot_product_flash_attention": "sdpa flash",
    "_scaled_dot_product_flash_attention_for_cpu": "sdpa flash",
    "_scaled_dot_product_efficient_attention": "sdpa memory-efficient",
    "_scaled_dot_product_cudnn_attention": "sdpa cudnn",
    "_softmax": "eager matmul and softmax",
}
"""Attention as torch dispatches it, in VLMeter's words."""


class _Operators(TorchDispatchMode):
    """Notes every operator that is dispatched."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Any = None
    ) -> object:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def refused(subject: Subject) -> Truths:
    """An attention that the model's class does not take, as transformers itself sees it."""
    name = "flash_attention_2"
    config = AutoConfig.from_pretrained(subject.folder)

    def by_transformers() -> None:
        with torch.device("meta"):
            AutoModelForImageTextToText.from_config(config, attn_implementation=name)

    ours = _answer(lambda: subject.try_to_load(Optimization(name, name)), UnsupportedError)
    yield WordComparison(f"{name} / transformers", ours, _answer(by_transformers, ValueError))


def _answer(load: Callable[[], object], refusal: type[Exception]) -> str:
    try:
        load()
    except refusal:
        return REFUSED
    return ACCEPTED


def attention(subject: Subject, name: str) -> Truths:
    """What ran of an attention, beside torch's dispatcher, eager logits and eager counts."""
    rows = ROWS[subject.device]
    expected = subject.plain_logits(rows, subject.dtype)
    workload = subject.workload(rows, optimization=Optimization(name, name))
    loaded, (call,) = workload.loaded, workload.forwards()
    by_stage = find_kernels_by_stage(loaded.model, loaded.family, call)
    ours = ", ".join(sorted({kernel for kernels in by_stage.values() for kernel in kernels}))
    if name == "flex_attention":
        # It is compiled by itself, so that nothing of it is dispatched.
        yield WordComparison(f"{name}: what ran / what it is", ours, "compiled")
    else:
        yield WordComparison(f"{name}: what ran / dispatched", ours, _dispatched(workload))
    if name == "eager":
        return
    yield _likeness(f"{name}: logits / eager", call, expected, 0.01)
    yield timed(subject, f"{name}: latency", call)
    with expose_matmuls(loaded):
        batch, stage_of = workload.cost_batches[0], loaded.family.stage_of
        counted = count_flops(loaded.model, batch, stage_of, rows)
    plain = dispatched(subject.forward(rows))
    yield Comparison(f"{name}: FLOPs / eager", (counted.flops or 0) / 1e9, plain / 1e9, "GFLOP", 0)


def _dispatched(workload: Workload) -> str:
    """Return the attention operators of a pass in VLMeter's words."""
    # Not in inference mode, where operators are dispatched before they are taken apart.
    with torch.no_grad(), _Operators() as seen:
        workload.loaded.model(**workload.cost_batches[0], use_cache=False)
    return ", ".join(sorted({_OPERATORS[name] for name in seen.names if name in _OPERATORS}))


def _likeness(what: str, call: Call, expected: torch.Tensor, limit: float) -> Comparison:
    """The correlation of a pass's logits with those of the plain model, which should be 1."""
    both = torch.stack([logits_of(call).flatten(), expected.flatten()])
    return Comparison(what, float(torch.corrcoef(both)[0, 1]), 1.0, "correlation", limit)


def timed(subject: Subject, name: str, call: Call) -> Comparison:
    """The time of a pass beside torch's own timer."""
    seconds = subject.turn_s
    plan = LatencyPlan(window_s=seconds, min_iterations=3, rule=fix_rounds(1), max_warmup_s=seconds)
    latency, _ = measure_latency([call], subject.clock, plan)
    ours_ms = 1e3 * latency.latency_s
    theirs_ms = 1e3 * timer(call).blocked_autorange(min_run_time=seconds).median
    return Comparison(f"{name} / torch.utils.benchmark", ours_ms, theirs_ms, "ms", 0.05)


def compiled(subject: Subject, mode: str, *, whole: bool = False) -> Truths:
    """A compiled pass: still the same logits, and as fast as another timer says."""
    rows = ROWS[subject.device]
    expected = subject.plain_logits(rows, subject.dtype)
    workload = subject.workload(rows)
    (call,) = workload.forwards()
    form = "whole" if whole else "regional"
    name = f"compile {form}, {mode}"
    compilation = Compilation(workload.loaded.model, Compile(mode, form))
    try:
        compilation.start([call], subject.clock)
        yield _likeness(f"{name}: logits / eager", call, expected, 0.01)
        yield timed(subject, f"{name}: latency", call)
    finally:
        result = compilation.stop()
    seen = f"{result.recompiles} recompiled, {result.graph_breaks} breaks"
    yield WordComparison(f"{name}: seen / wanted", seen, "0 recompiled, 0 breaks")


def _quantize_all(kind: str) -> Optimization:
    parts = QuantizationByPart(text=kind, vision=kind, connector=kind)
    return Optimization(kind, "eager", quantization=parts)


def quantized(subject: Subject, kind: str, *, limit: float) -> Truths:
    """Weights brought to fewer bits: their bytes, logits, operations and time.

    Args:
        subject: The model.
        kind: `int8`, `int4` or `fp8`.
        limit: By how much the correlation of the logits may fall short of 1.
    """
    # On a GPU int4 and fp8 want bf16, and int8 overflows in fp16.
    dtype, rows = "bf16" if subject.on_gpu else "fp32", ROWS[subject.device]
    expected = subject.plain_logits(rows, dtype)
    plain = dispatched(subject.forward(rows, dtype))
    workload = subject.workload(rows, dtype, _quantize_all(kind))
    loaded, (call,) = workload.loaded, workload.forwards()
    sizes = (compute_weights_bytes(loaded.model) / 2**20, stored_bytes(loaded.model) / 2**20)
    yield Comparison(f"{kind}: weights / torch.save", *sizes, "MiB", bytes_limit(subject))
    yield _likeness(f"{kind}: logits / plain", call, expected, limit)
    yield timed(subject, f"{kind}: latency", call)
    with expose_matmuls(loaded):
        batch, stage_of = workload.cost_batches[0], loaded.family.stage_of
        counted = count_flops(loaded.model, batch, stage_of, rows)
    yield Comparison(f"{kind}: FLOPs / plain", (counted.flops or 0) / 1e9, plain / 1e9, "GFLOP", 0)


def static_cache(subject: Subject) -> Truths:
    """A cache that is allocated once: whether it is used, and gives the same tokens."""
    rows = ROWS[subject.device]
    plain = subject.workload(rows).generation(DECODING.max_new_tokens)
    form = Optimization("static_cache", "eager", cache="static")
    workload = subject.workload(rows, optimization=form)
    inputs = workload.cost_batches[0]
    with torch.inference_mode():
        generated = workload.loaded.model.generate(
            **inputs,
            max_new_tokens=2,
            do_sample=False,
            cache_implementation="static",
            disable_compile=True,
            return_dict_in_generate=True,
        )
    theirs = type(generated.past_key_values).__name__
    ours = find_cache_in_use(workload.loaded, inputs, DECODING)
    yield WordComparison("static cache: in use / by transformers alone", ours, theirs)
    answer: Any = workload.generation(DECODING.max_new_tokens)
    same = (answer == plain).float().mean()
    yield Comparison("static cache: tokens as with a dynamic one", float(same), 1.0, "share", 0.1)
