"""The most that tensors take in a run on a CPU, held against sums by hand."""

import pytest
import torch
from torch import nn

from vlmeter.measure.tensor_peak import measure_peak_made_bytes

WIDTH, INNER = 100, 400
FLOAT_BYTES = 4


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_peak_is_of_what_is_held_at_once(batch):
    net = nn.Sequential(nn.Linear(WIDTH, INNER), nn.GELU(), nn.Linear(INNER, WIDTH))
    x = torch.zeros(batch, WIDTH)
    with torch.inference_mode():
        made = measure_peak_made_bytes(lambda: net(x))
    # The inner layer's outputs, before and after their activation; the first are gone at the end.
    assert made == batch * 2 * INNER * FLOAT_BYTES


def test_weights_and_what_is_freed_of_them_are_not_made():
    kept = [torch.zeros(1000)]

    def swap():
        kept.clear()
        kept.append(torch.zeros(10))

    assert measure_peak_made_bytes(swap) == 10 * FLOAT_BYTES
    assert measure_peak_made_bytes(kept.clear) == 0


def test_what_an_earlier_run_left_and_this_one_frees_is_not_taken_off():
    kept = []
    assert measure_peak_made_bytes(lambda: kept.append(torch.zeros(1000))) == 1000 * FLOAT_BYTES

    def swap():
        kept.clear()
        kept.append(torch.zeros(10))

    assert measure_peak_made_bytes(swap) == 10 * FLOAT_BYTES


def test_a_run_that_fails_says_so():
    with pytest.raises(RuntimeError, match="why"):
        measure_peak_made_bytes(fail)


def fail():
    raise RuntimeError("why")
