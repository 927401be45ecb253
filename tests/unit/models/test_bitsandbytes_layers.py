"""Layers as bitsandbytes makes them, on a CPU that packs their weights anew at the first pass."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vlmeter.models.bitsandbytes_layers import keep_what_cannot_be_packed


class Layer(nn.Linear):
    """Packs its weights as bitsandbytes 0.50 does: widths of other multiples end in its errors."""

    def __init__(self, inputs, outputs, block=64):
        super().__init__(inputs, outputs)
        self.weight.quant_state = SimpleNamespace(blocksize=block)
        self.support_avx512bf16_for_cpu = True

    def forward(self, x):
        if self.support_avx512bf16_for_cpu:
            assert self.out_features % 32 == 0
            x.reshape(-1, self.weight.quant_state.blocksize)
        return super().forward(x)


@pytest.mark.parametrize(
    ("inputs", "outputs", "block"),
    [(1152, 4304, 64), (4304, 1152, 64), (32, 64, 64), (64, 64, 128)],
)
def test_a_layer_that_cannot_be_packed_runs_as_on_other_cpus(inputs, outputs, block):
    layer, x = Layer(inputs, outputs, block), torch.ones(1, inputs)
    with pytest.raises((AssertionError, RuntimeError)):
        layer(x)
    keep_what_cannot_be_packed(nn.Sequential(layer))
    assert layer(x).shape == (1, outputs)


@pytest.mark.parametrize(("inputs", "outputs", "block"), [(64, 32, 64), (256, 96, 128)])
def test_a_layer_that_can_be_packed_is(inputs, outputs, block):
    layer = Layer(inputs, outputs, block)
    keep_what_cannot_be_packed(nn.Sequential(layer))
    assert layer.support_avx512bf16_for_cpu


def test_on_other_cpus_nothing_is_looked_at():
    layer = nn.Linear(64, 32)
    layer.support_avx512bf16_for_cpu = False
    keep_what_cannot_be_packed(nn.Sequential(layer, nn.Linear(32, 4)))
    assert layer.support_avx512bf16_for_cpu is False
