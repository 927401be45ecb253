from dataclasses import replace

import pytest
from machines import ENERGY, MACHINE

from vlmeter.measure.energy.description import IdlePower
from vlmeter.reporting.language import use_language
from vlmeter.reporting.machine import list_machine_lines


@pytest.mark.parametrize(
    ("idle", "words"),
    [
        (IdlePower({"cpu": 1.6, "ram": 20.0}, {}), "CPU 1.60 W, memory 20.0 W"),
        (
            IdlePower({"cpu": None, "ram": 20.0}, {"cpu": "others took 40%"}),
            "memory 20.0 W, CPU not known: others took 40%",
        ),
        (IdlePower({}, {"machine": "no counter"}), "all devices not known: no counter"),
    ],
)
def test_idle_power_stands_with_the_reason_where_there_is_none(idle, words):
    lines = dict(list_machine_lines(replace(MACHINE, energy=replace(ENERGY, idle=idle))))
    assert lines["Idle power"] == words


def test_the_grid_s_factor_stands_with_its_source():
    lines = dict(list_machine_lines(MACHINE))
    assert lines["Grid, for CO2e"] == "0.5 kg/kWh (config)"


def test_how_energy_is_known_is_said_in_the_reader_s_language():
    energy = replace(ENERGY, cpu=replace(ENERGY.cpu, method="RAPL by codecarbon"))
    with use_language("ru"):
        lines = dict(list_machine_lines(replace(MACHINE, energy=energy)))
        assert "RAPL через codecarbon" in lines["Откуда известна энергия"]
        assert lines["Электросеть, для CO2e"] == "0,5 кг/кВт·ч (конфигурация)"
