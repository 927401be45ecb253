"""The form in which a CPU runs the 4-bit layers of bitsandbytes."""

from typing import Any

import torch

_ROWS = 32
"""Outputs that bitsandbytes packs together."""


def pack_for_cpu(model: Any, dtype: torch.dtype) -> None:  # noqa: ANN401 - any transformers model
    """Bring the 4-bit layers on a CPU into the form that they run in.

    On a CPU that multiplies bf16 (AVX-512) bitsandbytes packs a layer's weights anew at its first
    pass. Here that pass is part of loading, so the bytes of weights are those of every later pass.
    A layer whose widths are no multiples of its blocks, such as the 4304 of SigLIP, would end in an
    error (bitsandbytes 0.50): it stays in the form that it has on other CPUs.

    Args:
        model: Loaded, in evaluation mode.
        dtype: Of the inputs.
    """
    for layer in model.modules():
        if not getattr(layer, "support_avx512bf16_for_cpu", False):
            continue
        if layer.weight.device.type != "cpu":
            continue
        if _fits(layer):
            with torch.no_grad():
                layer(torch.zeros(1, layer.in_features, dtype=dtype))
        else:
            layer.support_avx512bf16_for_cpu = False


def _fits(layer: Any) -> bool:  # noqa: ANN401 - a layer of a package that may not be there
    block = layer.weight.quant_state.blocksize
    return bool(layer.out_features % _ROWS == 0 and layer.in_features % block == 0)
