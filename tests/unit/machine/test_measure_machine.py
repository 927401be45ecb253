"""Describing the machine ends well, whatever a GPU says."""

import json
from types import SimpleNamespace

import pytest
import torch
from fake_nvml import GIB, LOST, gpu
from machines import ENERGY, make_machine_job

from vlmeter.machine import measure_machine as measured_by
from vlmeter.machine.description import read_machine
from vlmeter.machine.measure_machine import measure_machine
from vlmeter.measure.energy.description import IdlePower
from vlmeter.measure.settling import Settling

NO_KERNEL = "CUDA error: no kernel image is available for execution on the device"


@pytest.fixture
def describe(machine, monkeypatch, tmp_path):
    """Describe a machine with these GPUs; `rates` answers for a place and a dtype, or raises."""
    monkeypatch.setattr(measured_by, "check_device", lambda place: None)
    monkeypatch.setattr(measured_by, "wait_until_idle", lambda gpus: Settling(0.5, True))
    monkeypatch.setattr(measured_by, "make_clock", lambda place: None)
    # Codecarbon's search takes seconds, and has tests of its own.
    monkeypatch.setattr(measured_by, "describe_energy_sources", lambda *_: ENERGY)
    monkeypatch.setattr(
        measured_by, "measure_idle_watts", lambda *_, **__: IdlePower({"cpu": 9.0}, {})
    )

    def run(*gpus, rates=lambda place, dtype: 1.0, peaks=(("cuda", "fp16"),), **settings):
        machine(*gpus, **settings)

        def measure(place, dtype, clock):
            rate = rates(place, dtype)
            return SimpleNamespace(flop_per_s=rate)

        monkeypatch.setattr(measured_by, "measure_peak", measure)
        path = tmp_path / "machine.json"
        measure_machine(make_machine_job(*peaks), path)
        read_machine(path)
        return json.loads(path.read_text())

    return run


def fail(error, at="cuda"):
    def rates(place, dtype):
        if place.startswith(at):
            raise error
        return 1.0

    return rates


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError(NO_KERNEL), "torch has no kernels for this GPU: install a torch that"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "CUDA out of memory"),
        (
            RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
            "the GPU is busy or unavailable: end the process",
        ),
        (AssertionError("Torch not compiled with CUDA enabled"), "AssertionError: Torch not"),
    ],
)
def test_a_peak_that_cannot_be_measured_is_empty_with_a_reason(describe, error, reason):
    described = describe(gpu("a"), rates=fail(error), peaks=[("cpu", "fp32"), ("cuda", "fp16")])
    assert described["peak_flop_per_s"] == {"cpu-fp32": 1.0, "GPU-a-fp16": None}
    assert list(described["peak_reason"]) == ["GPU-a-fp16"]
    assert described["peak_reason"]["GPU-a-fp16"].startswith(reason)
    assert described["energy"]["cpu"]["mode"] == "cpu_load", "the rest is described all the same"


def test_each_gpu_has_its_own_peak_in_each_format(describe):
    def rates(place, dtype):
        if (place, dtype) == ("cuda:1", torch.bfloat16):
            raise RuntimeError("not for this one")
        return {"cuda:0": 3.0, "cuda:1": 1.0}[place]

    described = describe(
        gpu("a"), gpu("b", name="T4"), rates=rates, peaks=[("cuda", "fp16"), ("cuda", "bf16")]
    )
    assert described["peak_flop_per_s"] == {
        "GPU-a-fp16": 3.0,
        "GPU-b-fp16": 1.0,
        "GPU-a-bf16": 3.0,
        "GPU-b-bf16": None,
    }
    assert described["peak_reason"] == {"GPU-b-bf16": "RuntimeError: not for this one"}


def test_who_has_a_gpu_stands_beside_what_it_could_not_do(describe, capsys):
    full = {"total": 80 * GIB, "used": 79 * GIB}
    described = describe(gpu("a", memory=full), rates=fail(MemoryError("CUDA out of memory")))
    assert described["peak_reason"]["GPU-a-fp16"].startswith(
        "CUDA out of memory; other processes hold"
    )
    assert described["gpus"][0]["taken"].startswith("other processes hold 84.8 of the 85.9 GB")
    assert "other processes hold" in capsys.readouterr().err


def test_gpus_that_are_left_out_are_named_with_the_cause(describe):
    described = describe(LOST, gpu("b", mig=[1, 1]), gpu("c"))
    assert [each["uuid"] for each in described["gpus"]] == ["GPU-c"]
    assert [words[:12] for words in described["gpus_left_out"]] == ["GPU 0 is los", "GPU 1 (H200)"]
    assert list(described["peak_flop_per_s"]) == ["GPU-c-fp16"]


def test_without_a_gpu_that_can_be_measured_the_reason_stands_in_the_peak_s_place(describe):
    described = describe(gpu("a"), driver="570.86", cuda=12080)
    assert described["gpus"] == []
    assert described["peak_flop_per_s"] == {"cuda-fp16": None}
    assert "update the driver to 580 or newer" in described["peak_reason"]["cuda-fp16"]


def test_a_gpu_without_a_memory_figure_is_described(describe):
    (described_gpu,) = describe(gpu("a", memory=None))["gpus"]
    assert described_gpu["memory_bytes"] is None
    assert described_gpu["taken"] is None


def test_idle_watts_that_cannot_be_read_are_empty_with_a_reason(describe, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("the counter is gone")

    monkeypatch.setattr(measured_by, "measure_idle_watts", refuse)
    assert describe(gpu("a"))["energy"]["idle"] == {
        "power_w": {},
        "reason": {"machine": "RuntimeError: the counter is gone"},
        "window_s": None,
        "load": None,
        "foreign_cpu_share": None,
        "settle_s": 0.5,
        "settled": True,
    }


def test_a_gpu_that_others_have_or_that_comes_to_no_rest_has_no_idle_watts(describe, monkeypatch):
    given = []

    def watch(*_, not_idle):
        given.append(not_idle)
        return IdlePower({}, {})

    monkeypatch.setattr(measured_by, "measure_idle_watts", watch)
    full = {"total": 80 * GIB, "used": 79 * GIB}
    describe(gpu("a"), gpu("b", memory=full))
    monkeypatch.setattr(measured_by, "wait_until_idle", lambda gpus: Settling(9.5, False))
    describe(gpu("a"))
    (taken, unsettled) = given
    assert list(taken) == ["gpu1"]
    assert taken["gpu1"].startswith("other processes hold 84.8 of the 85.9 GB")
    assert unsettled == {"gpu0": "its power did not come to rest within 10 s"}


def test_a_real_machine_without_a_gpu_is_described(machine, tmp_path):
    machine(visible="-1")
    measure_machine(make_machine_job(("cuda", "fp32")), tmp_path / "machine.json")
    described = json.loads((tmp_path / "machine.json").read_text())
    assert described["peak_reason"] == {"cuda-fp32": "this machine has no cuda device"}
    assert described["energy"]["idle"]["settled"] is None
