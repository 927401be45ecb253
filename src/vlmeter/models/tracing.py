"""Makes a model traceable: its work as plain products of matrices, until the end of a block.

Quantised weights and attention that is compiled on its own cannot be traced. The products behind
them have the shapes of the plain model, so those are counted.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import MethodType
from typing import Any

import torch
from torch import nn

from vlmeter.models.load import LoadedModel
from vlmeter.models.quantization import is_linear, is_quantized, list_packed

_TRACEABLE = ("eager", "sdpa")


@contextmanager
def expose_matmuls(loaded: LoadedModel) -> Iterator[None]:
    """Make the model's products visible to a tracer until the end of the block."""
    with ExitStack() as stack:
        stack.enter_context(_replace_quantized_weights(loaded.model, loaded.dtype))
        attention = loaded.optimization.attention
        if isinstance(attention, str) and attention not in _TRACEABLE:
            loaded.model.set_attn_implementation("sdpa")
            stack.callback(loaded.model.set_attn_implementation, attention)
        yield


@contextmanager
def _replace_quantized_weights(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Give quantised layers dense weights of their shape until the end of the block.

    A tracer sees a product of matrices then, as it does without quantisation. All weights of a
    layer are views of a single zero, so that this costs no memory.
    """
    kept: dict[Any, tuple[Any, Any]] = {
        module: (getattr(module, "weight", None), vars(module).get("forward"))
        for module in model.modules()
        if is_linear(module) and is_quantized(module)
    }
    try:
        for module, (weight, _) in kept.items():
            place = (weight if weight is not None else list_packed(module)[0]).device
            zero = torch.zeros(1, dtype=dtype, device=place)
            dense = zero.expand(module.out_features, module.in_features)
            module.weight = nn.Parameter(dense, requires_grad=False)
            if type(module).forward is not nn.Linear.forward:
                # A package's own kind of layer would unpack what is packed no more.
                module.forward = MethodType(_multiply, module)
        yield
    finally:
        for module, (weight, forward) in kept.items():
            if weight is None:
                del module.weight
            else:
                module.weight = weight
            vars(module).pop("forward", None)
            if forward is not None:
                module.forward = forward


def _multiply(layer: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - any package's layer
    return nn.functional.linear(x, layer.weight, getattr(layer, "bias", None))
