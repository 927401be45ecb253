"""Which devices there are, without torch."""

import pytest

from vlmeter import devices
from vlmeter.devices import Gpu, choose

GPUS = [Gpu(index, "H200", f"GPU-{letter}0", 1, "580") for index, letter in enumerate("abc")]


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        (None, [0, 1, 2]),
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("GPU-b0", [1]),
        ("GPU-b", [1]),
        ("0,9,1", [0]),
        ("-1", []),
        ("", []),
        ("0,,1", [0]),
    ],
)
def test_the_environment_says_which_cards_count(wanted, indices):
    assert [gpu.index for gpu in choose(GPUS, wanted)] == indices


def test_a_machine_whose_cards_are_hidden_has_a_cpu_alone():
    assert devices.visible_gpus() == ()
    assert devices.is_present("cpu")
    assert not devices.is_present("cuda")
    assert not devices.is_present("tpu")
    assert devices.fingerprint("cuda") == devices.fingerprint("cpu") == []


def test_what_a_cell_lacks_is_told_in_words(monkeypatch):
    assert devices.absence("cuda", 2) == "this machine has no cuda device"
    monkeypatch.setattr(devices, "visible_gpus", lambda: tuple(GPUS[:2]))
    assert devices.is_present("cuda", 2)
    assert not devices.is_present("cuda", 3)
    assert devices.absence("cuda", 3) == ("this machine has 2 of the 3 GPUs that the cell asks for")
    assert devices.absence("cuda", 1) == "this machine had no cuda device when the run began"


def test_a_card_is_told_as_plain_data():
    assert GPUS[0].as_dict() == {
        "index": 0,
        "name": "H200",
        "uuid": "GPU-a0",
        "memory_bytes": 1,
        "driver": "580",
    }
