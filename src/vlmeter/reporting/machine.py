"""What the report says of the machine, its software and how its energy is known."""

from collections import Counter
from collections.abc import Iterator, Mapping

from vlmeter.machine.description import Cpu, Machine
from vlmeter.measure.energy.description import CpuSource, GpuSource, RamSource
from vlmeter.reporting.language import say, translate
from vlmeter.results.numbers import format_quantity, write_decimals


def describe_processors(machine: Machine) -> str:
    """Return the machine's GPUs, or its CPU where it has none, in a few words."""
    names = [gpu.name for gpu in machine.gpus]
    if not names:
        return _join_parts(machine.cpu.name, _format_cores(machine.cpu))
    counts = Counter(names)
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())


def list_machine_lines(machine: Machine) -> list[tuple[str, str]]:
    """Return the machine and its software as pairs of heading and text."""
    return [(heading, text) for heading, text in _describe_machine(machine) if text]


def _describe_machine(machine: Machine) -> Iterator[tuple[str, str]]:
    yield say("machine.cpu"), _join_parts(machine.cpu.name, _format_cores(machine.cpu))
    yield say("machine.memory"), format_quantity(machine.memory_bytes, "B")
    for gpu in machine.gpus:
        size = format_quantity(gpu.memory_bytes, "B") if gpu.memory_bytes else None
        driver = say("machine.driver", version=gpu.driver) if gpu.driver else None
        yield say("machine.gpu"), _join_parts(gpu.name, size, driver)
    if not machine.gpus:
        yield say("machine.gpu"), say("machine.none")
    yield say("machine.system"), machine.os
    yield say("machine.container"), machine.container or ""
    yield say("machine.python"), machine.python
    yield say("machine.libraries"), _join_pairs(machine.software)
    yield say("machine.idle_power"), _join_pairs(_format_idle_power(machine))
    yield say("machine.energy_by"), "; ".join(_describe_sources(machine))
    grid = machine.energy.grid
    yield (
        say("machine.grid"),
        say(
            "machine.grid_factor",
            factor=write_decimals(f"{grid.kg_per_kwh:.3g}"),
            source=translate(grid.source),
        ),
    )


def _join_parts(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _format_cores(cpu: Cpu) -> str:
    physical, logical = cpu.physical_cores, cpu.logical_cores
    if not physical:
        return say("machine.logical_cores", count=logical) if logical else ""
    cores = say("machine.cores", count=physical)
    if logical in (None, physical):
        return cores
    return f"{cores}, {say('machine.threads', count=logical)}"


def _join_pairs(table: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in table.items() if value)


def _format_idle_power(machine: Machine) -> dict[str, str]:
    idle = machine.energy.idle
    if idle is None:
        return {}
    watts = {device: format_quantity(value, "W") for device, value in idle.power_w.items() if value}
    missing = {
        device: say("machine.no_idle", reason=translate(reason))
        for device, reason in idle.reason.items()
    }
    return {
        say("machine.of_all") if device == "machine" else _name_device(device): words
        for device, words in (watts | missing).items()
    }


def _describe_sources(machine: Machine) -> Iterator[str]:
    """Yield how the energy of each device is determined."""
    energy = machine.energy
    yield _describe_source("cpu", energy.cpu)
    for place, gpu in enumerate(energy.gpus):
        yield _describe_source(f"gpu{place}", gpu)
    yield _describe_source("ram", energy.ram)


def _describe_source(device: str, source: CpuSource | GpuSource | RamSource) -> str:
    method = f" ({translate(source.method)})" if source.method else ""
    return f"{_name_device(device)}: {translate(source.kind)}{method}"


def _name_device(device: str) -> str:
    return say("machine.of_memory") if device == "ram" else device.upper()
