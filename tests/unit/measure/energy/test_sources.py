import inspect
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from codecarbon.emissions_tracker import BaseEmissionsTracker, OfflineEmissionsTracker
from codecarbon.external.hardware import CPU
from codecarbon.external.ram import RAM
from fake_nvml import FakeNvml
from machines import ENERGY_SETTINGS

from vlmeter.measure.clock import CpuClock
from vlmeter.measure.energy import sources
from vlmeter.measure.energy.codecarbon import CodecarbonWindows, list_tracker_options
from vlmeter.measure.energy.description import CpuSource, EnergySources
from vlmeter.measure.energy.meter import EnergyMeter, make_energy_meter
from vlmeter.measure.energy.sources import describe_energy_sources
from vlmeter.measure.nvml import open_gpus
from vlmeter.measure.stopping import fix_rounds
from vlmeter.storage.typed import from_plain

CONNECTIONS = []
DEPRECATED = {
    "co2_signal_api_token",
    "save_to_file",
    "save_to_api",
    "save_to_logger",
    "save_to_prometheus",
    "save_to_logfire",
}


def record_connection(event, args):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        CONNECTIONS.append(args)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A description made where files and variables ask something else of codecarbon."""
    sys.addaudithook(record_connection)
    folder = tmp_path_factory.mktemp("cwd")
    (folder / ".codecarbon.config").write_text(
        "[codecarbon]\npue=3\nforce_ram_power=999\ntracking_mode=process\nsave_to_file=true\n"
        "emissions_endpoint=http://localhost:9\nco2_signal_api_token=token\n"
    )
    with pytest.MonkeyPatch.context() as place:
        place.chdir(folder)
        place.setenv("CODECARBON_FORCE_CPU_POWER", "999")
        place.setenv("CODECARBON_OUTPUT_METHODS", "csv,api")
        described = describe_energy_sources(
            replace(ENERGY_SETTINGS, cpu_power_w=40.0, ram_power_w=12.0, country_iso_code="FRA"),
            open_gpus(FakeNvml({"name": "GPU X", "millijoules": 1.0}, {"name": "GPU Y"})),
            folder / "powercap",
        )
        windows = CodecarbonWindows(replace(described, cpu=LOAD_MODEL))
        windows.start()
        assert windows.stop()["ram"] > 0
    assert [path.name for path in folder.iterdir()] == [".codecarbon.config"]
    return described


LOAD_MODEL = CpuSource(
    model="a CPU",
    mode="cpu_load",
    kind="modelled",
    method="a model",
    tdp_w=40.0,
    tdp_source="config",
)


def test_the_description_says_how_the_energy_of_each_device_is_measured(machine):
    assert from_plain(EnergySources, json.loads(json.dumps(asdict(machine))), Path()) == machine
    assert machine.ram.kind == "constant"
    assert [(gpu.name, gpu.kind) for gpu in machine.gpus] == [
        ("GPU X", "measured"),
        ("GPU Y", "measured"),
    ]
    assert machine.gpus[0].method == "NVML total energy counter, whole GPU"
    assert "power samples" in machine.gpus[1].method


def test_watts_from_the_config_win(machine):
    assert machine.ram.power_w == 12.0
    assert machine.ram.source == "config"
    assert machine.cpu.tdp_w == 40.0


def test_the_country_s_factor_is_codecarbon_s(machine):
    assert machine.grid.kg_per_kwh == pytest.approx(0.056, abs=0.002)
    assert machine.grid.source == "codecarbon's figure for FRA"


class SearchedMachine:
    """Stands in for codecarbon's tracker: what it finds on a machine, and an hour of it."""

    def __init__(self, mode, tdp_w):
        cpu, ram = CPU.__new__(CPU), RAM.__new__(RAM)
        cpu._mode, cpu._tdp = mode, tdp_w
        ram.total_power = lambda: SimpleNamespace(W=10.0)
        self._hardware, self._conf = [cpu, ram], {"cpu_model": "a CPU"}

    def start_task(self):
        """Begin."""

    def stop_task(self):
        return SimpleNamespace(emissions=0.3, energy_consumed=1.0)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("intel_rapl", "measured"),
        ("windows_emi", "measured"),
        ("intel_power_gadget", "measured"),
        ("cpu_load", "modelled"),
        ("constant", "constant"),
    ],
)
def test_a_processor_s_energy_is_called_what_it_is(monkeypatch, tmp_path, mode, kind):
    monkeypatch.setattr(
        sources, "OfflineEmissionsTracker", lambda **_: SearchedMachine(mode, tdp_w=65.0)
    )
    assert describe_energy_sources(ENERGY_SETTINGS, powercap=tmp_path).cpu.kind == kind


@pytest.mark.parametrize("mode", sources._CPU_MODES)
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("from_config", [True, False])
def test_every_number_that_is_not_measured_names_its_source(
    monkeypatch, tmp_path, mode, is_known, from_config
):
    tdp_w = 65.0 if is_known else 4.0 * psutil.cpu_count()
    given = {"cpu_power_w": 30.0, "ram_power_w": 5.0, "grid_kg_per_kwh": 0.3}
    settings = replace(ENERGY_SETTINGS, country_iso_code="FRA", **given if from_config else {})
    monkeypatch.setattr(
        sources, "OfflineEmissionsTracker", lambda **_: SearchedMachine(mode, tdp_w)
    )
    described = describe_energy_sources(settings, powercap=tmp_path)
    table = "codecarbon's table of CPUs" if is_known else "codecarbon's default for an unknown CPU"
    cpu, origin = described.cpu, "config" if from_config else table
    if cpu.kind == "measured":
        assert cpu.method.endswith("by codecarbon")
        assert cpu.tdp_source is None
    else:
        assert cpu.tdp_source.startswith(origin)
        assert f"TDP {cpu.tdp_w:g} W from {origin}" in cpu.method
        assert "codecarbon" in cpu.method
    origin = "config" if from_config else "codecarbon's guess from its size"
    assert described.ram.source == origin
    assert described.ram.method.startswith(f"{described.ram.power_w:g} W from {origin}")
    assert described.grid.source == ("config" if from_config else "codecarbon's figure for FRA")


def test_nothing_is_sent_anywhere(machine):
    assert CONNECTIONS == []


def test_every_option_of_codecarbon_is_given_so_none_comes_from_a_file_or_variable():
    options = set(inspect.signature(OfflineEmissionsTracker.__init__).parameters)
    options |= set(inspect.signature(BaseEmissionsTracker.__init__).parameters)
    assert options - {"self", "args", "kwargs"} - DEPRECATED == set(list_tracker_options([]))


def test_the_given_hardware_is_what_codecarbon_would_find_itself(machine):
    tracker = OfflineEmissionsTracker(
        **{**list_tracker_options([]), "force_cpu_power": 40.0, "force_ram_power": 12.0}
    )
    tracker.start_task()
    tracker.stop_task()
    given = CodecarbonWindows(replace(machine, cpu=LOAD_MODEL))._tracker
    assert [_outline(item) for item in given._hardware] == [
        _outline(item) for item in tracker._hardware
    ]


def _outline(item):
    keys = ("_mode", "_tdp", "_tracking_mode", "_force_ram_power")
    return type(item), [getattr(item, key, None) for key in keys]


def test_a_given_constant_comes_out_as_that_many_watts(machine):
    meter = EnergyMeter(
        replace(machine, cpu=LOAD_MODEL), replace(ENERGY_SETTINGS, min_window_s=0.1)
    )
    energy = meter.measure(
        [_spin],
        CpuClock(),
        window_s=0.3,
        samples_per_batch=2,
        rule=fix_rounds(1),
        tokens_per_batch=None,
    )
    ram = next(part for part in energy.components if part.device == "ram")
    cpu = next(part for part in energy.components if part.device == "cpu")
    assert ram.power_w == pytest.approx(12.0, rel=0.05)
    assert 4.0 <= cpu.power_w <= 40.0 * 1.05


def _spin():
    sum(range(20000))


def test_the_cell_s_meter_takes_its_sources_from_the_description(machine):
    described = replace(machine, cpu=replace(LOAD_MODEL, method="as described"))
    settings = replace(ENERGY_SETTINGS, min_window_s=0.05)
    meter = make_energy_meter(described, settings, "cpu")
    energy = meter.measure(
        [_spin], CpuClock(), window_s=0.1, samples_per_batch=1, rule=fix_rounds(1)
    )
    methods = {part.device: part.method for part in energy.components}
    assert methods == {"cpu": "as described", "ram": described.ram.method}


@pytest.mark.parametrize(("device", "has_reason"), [("cpu", False), ("cuda:0", True)])
def test_a_gpu_that_nvml_does_not_see_is_missing_in_the_energy(
    machine, device, has_reason, monkeypatch
):
    monkeypatch.setattr("vlmeter.measure.energy.meter.open_devices", lambda device: [])
    meter = make_energy_meter(machine, replace(ENERGY_SETTINGS, min_window_s=0.05), device)
    energy = meter.measure(
        [_spin], CpuClock(), window_s=0.1, samples_per_batch=1, rule=fix_rounds(1)
    )
    assert (energy.energy_j is None) is has_reason
    assert ("NVML does not see the GPU" in (energy.energy_reason or "")) is has_reason
