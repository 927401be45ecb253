"""A machine's description is read as it was written, and holds a cell against the right peak."""

import json
from dataclasses import asdict, replace

import pytest
from machines import MACHINE, make_machine

from vlmeter.errors import UserError
from vlmeter.machine.description import Machine, format_peak_key, read_machine
from vlmeter.provenance import GitState
from vlmeter.storage.files import read_json, write_json


@pytest.mark.parametrize(
    "described",
    [
        MACHINE,
        make_machine(("GPU-a", "H200"), git=GitState("0" * 40, dirty=True)),
        replace(MACHINE, energy=replace(MACHINE.energy, idle=None)),
    ],
    ids=["processor", "gpu", "no idle power"],
)
def test_a_description_is_read_as_it_was_written(described, tmp_path):
    write_json(tmp_path / "machine.json", asdict(described))
    assert read_machine(tmp_path / "machine.json") == described


def test_the_keys_of_the_file_are_the_fields_in_their_order(tmp_path):
    write_json(tmp_path / "machine.json", asdict(MACHINE))
    assert list(read_json(tmp_path / "machine.json")) == [
        *("host", "cpu", "memory_bytes", "os", "container", "python", "threads_of_a_cell"),
        *("gpus", "gpus_left_out", "software", "energy", "peak_flop_per_s", "peak_reason", "git"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"host": "4057"},
        {**asdict(MACHINE), "cpu": None},
        {**asdict(MACHINE), "gpus": [{"uuid": "GPU-a"}]},
        {**asdict(MACHINE), "memory_bytes": "much"},
    ],
    ids=["empty", "cut", "no processor", "a gpu without fields", "a text for a number"],
)
def test_what_describes_no_machine_is_refused(content, tmp_path):
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"machine\.json.*: delete it and run again"):
        read_machine(path)


def make_gpu_machine(*names: str, **rates: float | None) -> Machine:
    """Return a machine with a GPU of each name: GPU-a, GPU-b; `rates` are theirs in fp16."""
    gpus = [(f"GPU-{letter}", name) for letter, name in zip("ab", names, strict=False)]
    peaks = {format_peak_key(f"GPU-{letter}", "fp16"): rate for letter, rate in rates.items()}
    return make_machine(*gpus, peak_flop_per_s=peaks)


ALIKE = make_gpu_machine("H100", "H100", a=3.0, b=4.0)
UNLIKE = make_gpu_machine("H100", "T4", a=3.0, b=1.0)


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
        (make_gpu_machine("H100", a=None), {"GPU-a"}, None),
        (make_gpu_machine("H100", "H100", a=None, b=4.0), None, 4.0),
        (MACHINE, {"GPU-a"}, None),
    ],
)
def test_the_peak_is_that_of_the_gpu(described, uuids, peak):
    assert described.find_peak("cuda", "fp16", uuids) == peak


def test_a_processor_has_a_peak_for_each_number_format():
    described = replace(MACHINE, peak_flop_per_s={"cpu-fp32": 2.0, "cpu-bf16": None})
    assert described.find_peak("cpu", "fp32", set()) == 2.0
    assert described.find_peak("cpu", "bf16") is None
    assert described.find_peak("cpu", "fp16") is None
