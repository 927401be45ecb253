"""Floating-point operations of a forward pass, counted by fvcore on one trace.

fvcore counts a multiply-add as one; the figures here count it as two, as the field's published
figures do. Counted are convolutions, linear layers, matrix products and attention; normalisations
stand apart. The same model in eager mode and with scaled dot product attention (SDPA) has the same
count, and so has its compiled form, of which the uncompiled module is what is counted.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import (
    addmm_flop_jit,
    batchnorm_flop_jit,
    bmm_flop_jit,
    conv_flop_jit,
    einsum_flop_jit,
    get_shape,
    linear_flop_jit,
    norm_flop_counter,
)
from torch import nn

CONVENTION = (
    "2 per multiply-add over convolutions, linear layers, matrix products and attention, of one"
    " forward pass of the full batch; normalisations apart, element-wise operators not counted"
)

StageOf = Callable[[str], str | None]
"""The stage of a module by its dotted name, or None where it belongs to none."""

UNSTAGED = "other"
"""The key of operations in modules that belong to no stage."""


def _sdpa_macs(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of scaled dot product attention, which fvcore has no handle for.

    Query times key and weights times value: batch x heads x Lq x Lk x (d + dv). Masked positions
    count, as they do in eager mode and in torch's own counter.
    """
    query, key, value = (get_shape(tensor) for tensor in inputs[:3])
    return int(prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _matmul_macs(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of a matrix product, also where the first operand is the broadcast one."""
    left, right = (get_shape(tensor) for tensor in inputs[:2])
    out = get_shape(outputs[0])
    return int(prod(out) * left[-1]) if len(right) > 1 else int(prod(left))


def _baddbmm_macs(inputs: list[Any], outputs: list[Any]) -> int:
    left = get_shape(inputs[1])
    return int(prod(left) * get_shape(inputs[2])[-1])


_MATRIX_HANDLES: dict[str, Any] = {
    "aten::_convolution": conv_flop_jit,
    "aten::addmm": addmm_flop_jit,
    "aten::baddbmm": _baddbmm_macs,
    "aten::bmm": bmm_flop_jit,
    "aten::einsum": einsum_flop_jit,
    "aten::linear": linear_flop_jit,
    "aten::matmul": _matmul_macs,
    "aten::mm": _matmul_macs,
    "aten::scaled_dot_product_attention": _sdpa_macs,
}

_NORM_HANDLES: dict[str, Any] = {
    "aten::batch_norm": batchnorm_flop_jit,
    "aten::group_norm": norm_flop_counter(2),
    "aten::instance_norm": norm_flop_counter(1),
    "aten::layer_norm": norm_flop_counter(2),
}

_NORM_NAMES = frozenset(name.removeprefix("aten::") for name in _NORM_HANDLES)

HEAVY_OPERATORS = frozenset(
    f"aten::{name}"
    for name in (
        "_native_multi_head_attention", "_thnn_fused_lstm_cell", "_transformer_encoder_layer_fwd",
        "_weight_int4pack_mm", "_weight_int8pack_mm", "_scaled_mm", "_int_mm", "addbmm", "addmv",
        "addr", "bilinear", "cdist", "chain_matmul", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", "cov", "dot",
        "ger", "gru", "gru_cell", "inner", "kron", "lstm", "lstm_cell", "mkldnn_convolution",
        "mkldnn_linear", "multi_dot", "mv", "outer", "rnn_relu", "rnn_tanh", "tensordot", "vdot",
    )
)  # fmt: skip
"""Operators that do matrix work and that no handle above counts."""

HEAVY_PREFIXES = (
    "aten::_flash_attention",
    "aten::_scaled_dot_product",
    "aten::fft_",
    "aten::linalg_",
    "aten::quantized_",
    "prim::CallFunction",
    "prim::PythonOp",
    "quantized::",
)
"""Families of such operators; a Python function or a custom kernel may hold any amount of work."""


@dataclass(frozen=True)
class Flops:
    """The operations of one forward pass of the full batch, and of one decode step."""

    flops: int | None
    """All matrix work; None where an operator that does matrix work could not be counted."""
    flops_reason: str | None
    per_sample: float | None
    by_stage: dict[str, int]
    """Disjoint and summing to `flops`; `other` only where modules outside every stage do work."""
    decode_step: int | None
    """One new token for every sample of the batch, over a cache of the full prompt."""
    decode_step_reason: str | None
    """Why there is no such count."""
    normalisation_flops: int
    """fvcore's estimate for layer, batch, group and instance norms: 5 per element, not above."""
    convention: str
    uncounted: dict[str, int]
    """Operators without a count and how often they ran; fvcore's list of free ones left out."""
    batch_size: int
    by_module: dict[str, int] = field(repr=False)
    """Inclusive of submodules, by dotted name; the model itself is the empty name."""
    own_by_module: dict[str, int] = field(repr=False)
    """Exclusive of submodules, so that these sum to `flops`."""

    def as_dict(
        self, latency_s: float | None = None, peak_flop_per_s: float | None = None
    ) -> dict[str, object]:
        """The `flops_detail` block.

        Args:
            latency_s: Time of the same forward pass, for the achieved rate.
            peak_flop_per_s: What the device can do in this dtype, for the utilisation.
        """
        hidden = {"by_module", "own_by_module"}
        achieved = self.flops / latency_s if self.flops is not None and latency_s else None
        return {
            **{name: value for name, value in vars(self).items() if name not in hidden},
            "achieved_flop_per_s": achieved,
            "utilisation": achieved / peak_flop_per_s if achieved and peak_flop_per_s else None,
        }


@dataclass(frozen=True)
class _Counted:
    by_module: dict[str, int]
    normalisation: int
    uncounted: dict[str, int]


class _Positional(nn.Module):
    """Gives the tracer what it needs: tensors in, one tensor out, no cache object."""

    def __init__(self, model: nn.Module, names: Sequence[str], fixed: Mapping[str, object]) -> None:
        super().__init__()
        self.model = model
        self._names = names
        self._fixed = fixed

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        """The model's first output, which is its logits."""
        named = dict(zip(self._names, tensors, strict=True))
        outputs = self.model(**named, **self._fixed, return_dict=False)
        return outputs[0]  # type: ignore[no-any-return]


def count_flops(
    model: nn.Module,
    inputs: Mapping[str, object],
    stages: StageOf | Mapping[str, Sequence[str]],
    decoder: nn.Module | None = None,
    prompt_tokens: int | None = None,
) -> Flops:
    """Count one forward pass, and one decode step where the decoder is given.

    Args:
        model: The uncompiled model, in whatever attention implementation it runs.
        inputs: Its keyword arguments; tensors, whose first dimension is the batch, and flags.
        stages: The stage of a module by its name, or the name prefixes of each stage.
        decoder: The language model inside, from token ids to logits, which generates with a
            key-value cache.
        prompt_tokens: Positions that the prompt fills in that cache, image positions included.

    Returns:
        The counts. A forward pass runs once; the decode step is traced over a cache that is
        expanded from a single position, so the prompt is not run again.
    """
    batch_size = _batch_size(inputs)
    stage_of = stages if callable(stages) else stage_by_prefix(stages)
    with torch.no_grad():
        forward = _count(model, {**inputs, "use_cache": False})
        decode_step, decode_reason = _decode_step(decoder, batch_size, prompt_tokens)
    own = _own(forward.by_module)
    by_stage: Counter[str] = Counter()
    for name, flops in own.items():
        if flops:
            by_stage[stage_of(name) or UNSTAGED] += flops
    total = forward.by_module[""]
    reason = _uncounted_reason(forward.uncounted)
    return Flops(
        flops=None if reason else total,
        flops_reason=reason,
        per_sample=None if reason else total / batch_size,
        by_stage=dict(by_stage),
        decode_step=decode_step,
        decode_step_reason=decode_reason,
        normalisation_flops=forward.normalisation,
        convention=CONVENTION,
        uncounted=forward.uncounted,
        batch_size=batch_size,
        by_module=forward.by_module,
        own_by_module=own,
    )


def stage_by_prefix(stages: Mapping[str, Sequence[str]]) -> StageOf:
    """A stage function from each stage's module name prefixes; the longest match decides."""
    by_prefix = {prefix: stage for stage, prefixes in stages.items() for prefix in prefixes}

    def stage_of(name: str) -> str | None:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            stage = by_prefix.get(".".join(parts[:length]))
            if stage is not None:
                return stage
        return None

    return stage_of


def heavy_operators(uncounted: Mapping[str, int]) -> list[str]:
    """Those of the uncounted operators that do matrix work."""
    return sorted(
        name for name in uncounted if name in HEAVY_OPERATORS or name.startswith(HEAVY_PREFIXES)
    )


def _uncounted_reason(uncounted: Mapping[str, int]) -> str | None:
    heavy = heavy_operators(uncounted)
    if not heavy:
        return None
    return f"the counter has no rule for {', '.join(heavy)}, which do matrix work"


def _decode_step(
    decoder: nn.Module | None, batch_size: int, prompt_tokens: int | None
) -> tuple[int | None, str | None]:
    if decoder is None or prompt_tokens is None:
        return None, "no decoder was given"
    if getattr(getattr(decoder, "config", None), "is_encoder_decoder", False):
        return None, "a decode step is counted for decoder-only language models"
    decode = _count(decoder, _decode_inputs(decoder, batch_size, prompt_tokens))
    reason = _uncounted_reason(decode.uncounted)
    return (None if reason else decode.by_module[""]), reason


def _batch_size(inputs: Mapping[str, object]) -> int:
    sizes = {value.shape[0] for value in inputs.values() if isinstance(value, torch.Tensor)}
    if len(sizes) != 1:
        raise ValueError(f"the inputs' first dimensions differ: {sorted(sizes)}")
    return int(sizes.pop())


def _count(model: nn.Module, inputs: Mapping[str, object]) -> _Counted:
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    fixed = {name: value for name, value in inputs.items() if name not in tensors}
    wrapper = _Positional(model, list(tensors), fixed)
    analysis = FlopCountAnalysis(wrapper, tuple(tensors.values()))
    analysis.clear_op_handles()
    analysis.set_op_handle(**_MATRIX_HANDLES, **_NORM_HANDLES)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    counted = analysis.by_module_and_operator()
    by_module = {
        name.removeprefix("model").removeprefix("."): 2 * _matrix_macs(operators)
        for name, operators in counted.items()
        if name
    }
    norms = sum(count for name, count in counted[""].items() if name in _NORM_NAMES)
    return _Counted(by_module, int(norms), dict(sorted(analysis.unsupported_ops().items())))


def _matrix_macs(operators: Mapping[str, float]) -> int:
    return int(sum(count for name, count in operators.items() if name not in _NORM_NAMES))


def _own(by_module: Mapping[str, int]) -> dict[str, int]:
    """What each module does itself: its inclusive count less its children's."""
    own = dict(by_module)
    for name, flops in by_module.items():
        if name:
            own[name.rpartition(".")[0]] -= flops
    return own


def _decode_inputs(decoder: nn.Module, batch_size: int, prompt_tokens: int) -> dict[str, object]:
    """One new token over a cache of the prompt's length.

    A single position is run for real, which gives the cache its structure; its keys and values
    are then repeated (as views) to the prompt's length. Counts depend on shapes alone.
    """
    device = next(decoder.parameters()).device
    token = torch.ones((batch_size, 1), dtype=torch.long, device=device)
    cache = decoder(input_ids=token, use_cache=True).past_key_values
    for layer in cache.layers:
        layer.keys = layer.keys.expand(-1, -1, prompt_tokens, -1)
        layer.values = layer.values.expand(-1, -1, prompt_tokens, -1)
    return {
        "input_ids": token,
        "attention_mask": token.new_ones((batch_size, prompt_tokens + 1)),
        "past_key_values": cache,
        "use_cache": True,
    }
