"""Floating-point operations as torch's own counter sees them, operator by operator as they run.

What fvcore's trace is held against. The convention is the same, 2 per multiply-add over
convolutions and matrix products.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from vlmeter.measure.flops.operators import list_heavy_operators


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


@dataclass(frozen=True)
class Dispatched:
    """What torch's counter saw of a pass."""

    by_module: dict[str, int]
    """Operations below every module, by dotted name; the model is the empty name."""
    uncounted: dict[str, int]
    """Operators that do matrix work and that it has no rule for, and how often they ran."""


class _Watch(TorchDispatchMode):
    """Counts the operators that run and that a counter has no rule for."""

    def __init__(self, rules: Mapping[Any, object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rules = rules
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        _types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        if getattr(func, "overloadpacket", None) not in self._rules:
            schema = getattr(func, "_schema", None)
            self.names[schema.name if schema is not None else str(func)] += 1
        return func(*args, **(kwargs or {}))


def count_dispatched_flops(model: nn.Module, inputs: Mapping[str, object]) -> Dispatched:
    """Count the operations of a pass as it runs."""
    counter = FlopCounterMode(display=False, custom_mapping=_UNKNOWN)
    # Outside, so that it sees the operators that the counter takes others apart into.
    watch = _Watch(counter.flop_registry)
    with torch.no_grad(), watch, counter:
        model(**inputs, return_dict=False)
    by_module = {name: 0 for name, _ in model.named_modules()}
    for name, operators in counter.get_flop_counts().items():
        # Its names begin with the class of what was called first.
        inner = name.partition(".")[2]
        if name != "Global" and inner in by_module:
            by_module[inner] = int(sum(operators.values()))
    by_module[""] = int(counter.get_total_flops())
    _fill_lists(by_module)
    heavy = list_heavy_operators(watch.names)
    return Dispatched(by_module, {name: watch.names[name] for name in heavy})


def _fill_lists(by_module: dict[str, int]) -> None:
    """Give modules that never run themselves, as lists of layers, the work of what they hold."""
    below: Counter[str] = Counter()
    for name in sorted(filter(None, by_module), key=lambda name: name.count("."), reverse=True):
        by_module[name] = by_module[name] or below[name]
        below[name.rpartition(".")[0]] += by_module[name]
