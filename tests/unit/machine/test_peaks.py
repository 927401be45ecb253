"""A cell is held against the peak of the GPU that it had, or against none."""

import pytest

from vlmeter.machine.peaks import peak_key, peak_of_device


def machine(*gpus, **peaks):
    return {
        "gpus": [{"uuid": f"GPU-{uuid}", "name": name} for uuid, name in gpus],
        "peak_flop_per_s": {peak_key(f"GPU-{uuid}", "fp16"): rate for uuid, rate in peaks.items()},
    }


ALIKE = machine(("a", "H100"), ("b", "H100"), a=3.0, b=4.0)
UNLIKE = machine(("a", "H100"), ("b", "T4"), a=3.0, b=1.0)


@pytest.mark.parametrize(
    ("described", "uuids", "peak"),
    [
        (UNLIKE, {"GPU-b"}, 1.0),
        (UNLIKE, {"GPU-a"}, 3.0),
        (UNLIKE, {"GPU-a", "GPU-b"}, None),
        (UNLIKE, None, None),
        (ALIKE, {"GPU-a"}, 3.0),
        (ALIKE, None, 4.0),
        (ALIKE, {"GPU-c"}, None),
        (ALIKE, set(), None),
        (machine(("a", "H100"), a=None), {"GPU-a"}, None),
        (machine(("a", "H100"), ("b", "H100"), a=None, b=4.0), None, 4.0),
        ({}, {"GPU-a"}, None),
    ],
)
def test_the_peak_is_that_of_the_gpu(described, uuids, peak):
    assert peak_of_device(described, "cuda", "fp16", uuids) == peak


def test_a_processor_has_one_peak_for_each_number_format():
    described = {"peak_flop_per_s": {"cpu-fp32": 2.0, "cpu-bf16": None}}
    assert peak_of_device(described, "cpu", "fp32", set()) == 2.0
    assert peak_of_device(described, "cpu", "bf16") is None
    assert peak_of_device(described, "cpu", "fp16") is None
