"""The count of what torch dispatches, held against formulas."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from vlmeter.measure.flops.dispatch import count_dispatched_flops

BATCH, HEADS, QUERIES, KEYS, WIDTH = 2, 3, 5, 7, 8


class Attention(nn.Module):
    """Nothing but scaled dot product attention, below a name."""

    def __init__(self):
        super().__init__()
        self.inner = Product()

    def forward(self, query, key, **options):
        return (self.inner(query, key),)


class Product(nn.Module):
    def forward(self, query, key):
        return nn.functional.scaled_dot_product_attention(query, key, key)


@pytest.mark.parametrize("backend", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_attention_on_a_cpu_counts_the_same_by_every_kernel(backend):
    query, key = (torch.rand(BATCH, HEADS, length, WIDTH) for length in (QUERIES, KEYS))
    with sdpa_kernel(backend):
        counted = count_dispatched_flops(Attention(), {"query": query, "key": key})
    # Two products, each of 2 operations per multiply-add.
    work = 2 * 2 * BATCH * HEADS * QUERIES * KEYS * WIDTH
    assert counted.by_module == {"": work, "inner": work}
    assert not counted.uncounted


class Stack(nn.Module):
    """Layers in a list, which is a module that never runs itself."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))

    def forward(self, x, **options):
        for layer in self.layers:
            x = layer(x)
        return (x,)


def test_a_list_of_layers_has_the_work_of_its_layers():
    counted = count_dispatched_flops(Stack(), {"x": torch.rand(BATCH, WIDTH)})
    work = 2 * BATCH * WIDTH * WIDTH
    each = {"layers.0": work, "layers.1": work}
    assert counted.by_module == {"": 2 * work, "layers": 2 * work, **each}
