"""A model made fit for counting: its computation as plain products of matrices, for one block.

Quantised weights and attention that is compiled on its own cannot be traced. The products behind
them have the shapes of the plain model, so that is what is counted.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from vlmeter.models.load import LoadedModel
from vlmeter.models.quantization import is_quantized

_TRACEABLE = ("eager", "sdpa")


@contextmanager
def countable(loaded: LoadedModel) -> Iterator[None]:
    """Make the model's products visible to a tracer until the end of the block."""
    with ExitStack() as stack:
        stack.enter_context(_dense_shapes(loaded.model))
        asked = loaded.optimization.attention
        if isinstance(asked, str) and asked not in _TRACEABLE:
            loaded.model.set_attn_implementation("sdpa")
            stack.callback(loaded.model.set_attn_implementation, asked)
        yield


@contextmanager
def _dense_shapes(model: nn.Module) -> Iterator[None]:
    """Give quantised layers dense weights of their shape until the end of the block.

    A tracer sees a product of matrices then, as it does without quantisation. One zero, seen
    through a view, stands for all of a layer's weights, so that this costs no memory.
    """
    kept: dict[Any, Any] = {
        module: module.weight for module in model.modules() if is_quantized(module)
    }
    try:
        for module, weight in kept.items():
            zero = torch.zeros(1, dtype=weight.dtype, device=weight.device)
            module.weight = nn.Parameter(zero.expand(weight.shape), requires_grad=False)
        yield
    finally:
        for module, weight in kept.items():
            module.weight = weight
