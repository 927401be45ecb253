"""Weight-only quantisation by torchao: int8 by row, int4 in groups, of a model's linear layers."""

import logging
from typing import Any

import torch
from torch import nn

from vlmeter.errors import one_line
from vlmeter.models.result import Quantization
from vlmeter.status import UnsupportedError

_INT4_GROUP = 32
"""Weights that share a scale: the smallest group of torchao, the nearest to the weights."""


def quantize(model: Any, kind: str, device: str) -> Quantization:  # noqa: ANN401
    """Quantise a model's linear layers in place, its output head left as it is.

    Args:
        model: On its device.
        kind: `int8` or `int4`.
        device: `cpu` or `cuda`; int4 weights are packed for the one or the other.

    Returns:
        What was quantised, and what was not.

    Raises:
        UnsupportedError: torchao is not there, refuses, or replaced no layer.
    """
    # torchao warns of CUDA kernels that a machine without a GPU could not use.
    logging.getLogger("torchao").setLevel(logging.ERROR)
    try:
        import torchao  # noqa: PLC0415 - only a quantised cell needs it
        from torchao.quantization import quantize_  # noqa: PLC0415
    except ImportError as error:
        raise UnsupportedError(f"{kind}: torchao cannot be imported: {one_line(error)}") from error
    head = model.get_output_embeddings()

    def wanted(module: nn.Module, name: str) -> bool:
        return isinstance(module, nn.Linear) and module is not head

    before = {name for name, module in model.named_modules() if wanted(module, name)}
    try:
        quantize_(model, _config(kind, device), wanted)
    except (ImportError, NotImplementedError, ValueError, AssertionError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise UnsupportedError(f"{kind}: {one_line(error)}") from error
    done = {name for name, module in model.named_modules() if is_quantized(module)}
    if not done:
        raise UnsupportedError(
            f"{kind}: torchao replaced none of {len(before)} linear layers: their widths are no "
            f"multiple of {_INT4_GROUP}"
        )
    return Quantization(
        kind=kind,
        library=f"torchao {torchao.__version__}",
        layers=len(done),
        layers_left=sorted(before - done),
        weights=sorted({type(model.get_submodule(name).weight).__name__ for name in done}),
    )


def _config(kind: str, device: str) -> Any:  # noqa: ANN401 - torchao's configs
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig  # noqa: PLC0415

    if kind == "int8":
        return Int8WeightOnlyConfig()
    if device == "cuda":
        return Int4WeightOnlyConfig(group_size=_INT4_GROUP, int4_packing_format="tile_packed_to_4d")
    # The layout of torch's own int4 kernel for CPUs; torchao keeps it among its prototypes.
    from torchao.prototype.quantization.int4 import (  # noqa: PLC0415
        PrototypeInt4WeightOnlyConfig,
    )

    return PrototypeInt4WeightOnlyConfig(group_size=_INT4_GROUP)


def is_quantized(module: nn.Module) -> bool:
    """Say whether a module's weight is one of torchao's."""
    weight = getattr(module, "weight", None)
    return weight is not None and type(weight).__module__.startswith("torchao")
