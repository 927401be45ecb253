"""Which operators of a trace are counted and how, and which do matrix work without a rule.

fvcore counts a multiply-add as one; so do the rules here.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

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

from vlmeter.errors import Sentence

Handle = Callable[[list[Any], list[Any]], object]
"""Counts an operator by its inputs and outputs, values of a trace."""


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


def _conv_mode_macs(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of a convolution whose padding is given by name."""
    return int(prod(get_shape(outputs[0])) * prod(get_shape(inputs[1])[1:]))


MATRIX_HANDLES: dict[str, Handle] = {
    "aten::_convolution": conv_flop_jit,
    "aten::_convolution_mode": _conv_mode_macs,
    "aten::addmm": addmm_flop_jit,
    "aten::baddbmm": _baddbmm_macs,
    "aten::bmm": bmm_flop_jit,
    "aten::einsum": einsum_flop_jit,
    "aten::linear": linear_flop_jit,
    "aten::matmul": _matmul_macs,
    "aten::mm": _matmul_macs,
    "aten::scaled_dot_product_attention": _sdpa_macs,
}

NORM_HANDLES: dict[str, Handle] = {
    "aten::batch_norm": batchnorm_flop_jit,
    "aten::group_norm": norm_flop_counter(2),
    "aten::instance_norm": norm_flop_counter(1),
    "aten::layer_norm": norm_flop_counter(2),
}

NORM_NAMES = frozenset(name.removeprefix("aten::") for name in NORM_HANDLES)

HEAVY_OPERATORS = frozenset(
    f"aten::{name}"
    for name in (
        "_efficient_attention_forward", "_native_multi_head_attention", "_slow_conv2d_forward",
        "_thnn_fused_lstm_cell", "_transformer_encoder_layer_fwd", "_weight_int4pack_mm",
        "_weight_int8pack_mm", "_scaled_mm", "_int_mm", "addbmm", "addmv", "addr", "bilinear",
        "cdist", "chain_matmul", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
        "conv_transpose2d", "conv_transpose3d", "convolution", "convolution_overrideable", "cov",
        "cudnn_convolution", "dot", "ger", "gru", "gru_cell", "inner", "kron", "lstm", "lstm_cell",
        "mkldnn_convolution", "mkldnn_linear", "mv", "outer", "rnn_relu", "rnn_tanh", "tensordot",
        "vdot",
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


_LIGHT = frozenset(
    f"aten::linalg_{name}" for name in ("cross", "diagonal", "solve_triangular", "vector_norm")
)
"""Left out by the convention, as element-wise operators are, and by torch's own counter.

Linear attention solves a triangle for each chunk of 64 positions: half of one of its many products.
Of the others each number is read a few times, as in a sum.
"""


def list_heavy_operators(uncounted: Mapping[str, int]) -> list[str]:
    """Those of the uncounted operators that do matrix work."""
    return sorted(
        name
        for name in uncounted
        if name not in _LIGHT and (name in HEAVY_OPERATORS or name.startswith(HEAVY_PREFIXES))
    )


def describe_uncounted(uncounted: Mapping[str, int]) -> str | None:
    """Say why a count with these uncounted operators is none; None where it is one."""
    heavy = list_heavy_operators(uncounted)
    if not heavy:
        return None
    return Sentence(f"the counter has no rule for {', '.join(heavy)}, which do matrix work")
