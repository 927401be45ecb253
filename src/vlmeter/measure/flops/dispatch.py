"""Floating-point operations as torch's own counter sees them, operator by operator as they run.

What fvcore's trace is held against. The convention is the same, 2 per multiply-add over
convolutions and matrix products.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count


def _cpu_attention(
    query: Any,  # noqa: ANN401 - shapes, as the counter gives them
    key: Any,  # noqa: ANN401
    value: Any,  # noqa: ANN401
    *_: object,
    **__: object,
) -> int:
    """Return the work of SDPA's kernel for CPUs, which torch's counter takes for none."""
    return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]


_UNKNOWN: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _cpu_attention,
}


def count_dispatched_flops(model: nn.Module, inputs: Mapping[str, object]) -> dict[str, int]:
    """Return the operations below every module, by dotted name; the model is the empty name."""
    counter = FlopCounterMode(display=False, custom_mapping=_UNKNOWN)
    with torch.no_grad(), counter:
        model(**inputs, return_dict=False)
    by_module = {name: 0 for name, _ in model.named_modules()}
    for name, operators in counter.get_flop_counts().items():
        # Its names begin with the class of what was called first.
        inner = name.partition(".")[2]
        if name != "Global" and inner in by_module:
            by_module[inner] = int(sum(operators.values()))
    by_module[""] = int(counter.get_total_flops())
    return by_module
