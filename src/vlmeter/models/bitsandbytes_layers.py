"""What bitsandbytes' 4-bit layers need to run on every CPU."""

from typing import Any

_ROWS = 32
"""Outputs that bitsandbytes packs together."""


def keep_what_cannot_be_packed(model: Any) -> None:  # noqa: ANN401 - any transformers model
    """Let 4-bit layers that bitsandbytes cannot pack for this CPU run as on other CPUs.

    On a CPU that multiplies bf16 (AVX-512) it packs a layer's weights anew at its first pass, which
    ends in an error where the widths are no multiples of its blocks, such as the 4304 of SigLIP
    (bitsandbytes 0.50).
    """
    for layer in model.modules():
        if getattr(layer, "support_avx512bf16_for_cpu", False):
            layer.support_avx512bf16_for_cpu = _fits(layer)


def _fits(layer: Any) -> bool:  # noqa: ANN401 - a layer of a package that may not be there
    block = layer.weight.quant_state.blocksize
    return bool(layer.out_features % _ROWS == 0 and layer.in_features % block == 0)
