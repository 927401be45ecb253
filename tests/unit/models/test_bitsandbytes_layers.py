"""Layers as bitsandbytes makes them, on a CPU that packs their weights anew at the first pass."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vlmeter.models.bitsandbytes_layers import pack_for_cpu


class Layer(nn.Linear):
    """Packs its weights as bitsandbytes 0.50 does: widths of other multiples end in its errors."""

    def __init__(self, inputs, outputs, *, block=64, supported=True):
        super().__init__(inputs, outputs)
        self.weight.quant_state = SimpleNamespace(blocksize=block)
        self.support_avx512bf16_for_cpu = supported
        self.seen = []

    def forward(self, x):
        if self.support_avx512bf16_for_cpu:
            assert self.out_features % 32 == 0
            x.reshape(-1, self.weight.quant_state.blocksize)
        self.seen.append((x.dtype, x.requires_grad, torch.is_grad_enabled()))
        return super().forward(x.float())


def test_a_layer_that_fits_is_packed_before_any_pass():
    layer = Layer(128, 32)
    pack_for_cpu(nn.Sequential(layer), torch.bfloat16)
    assert layer.seen == [(torch.bfloat16, False, False)]
    assert layer.support_avx512bf16_for_cpu


@pytest.mark.parametrize(
    ("inputs", "outputs", "block"),
    [(1152, 4304, 64), (4304, 1152, 64), (32, 64, 64), (64, 64, 128)],
)
def test_a_layer_that_cannot_be_packed_runs_as_on_other_cpus(inputs, outputs, block):
    layer = Layer(inputs, outputs, block=block)
    pack_for_cpu(nn.Sequential(layer), torch.float32)
    assert layer.seen == []
    assert layer(torch.ones(3, inputs)).shape == (3, outputs)


@pytest.mark.parametrize(
    "layer", [Layer(64, 32, supported=False), Layer(64, 32).to("meta"), nn.Linear(64, 32)]
)
def test_other_layers_are_left_alone(layer):
    pack_for_cpu(nn.Sequential(layer), torch.float32)
    assert not getattr(layer, "seen", [])
