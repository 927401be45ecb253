"""Describes the machine of `machine.json` in lines of text, without the host's name."""

from collections.abc import Iterator, Mapping
from typing import Any

from vlmeter.reporting.formats import quantity
from vlmeter.reporting.language import say, translate

Plain = Mapping[str, Any]


def machine_lines(machine: Plain) -> list[tuple[str, str]]:
    """Return the machine and its software as pairs of heading and text."""
    return [(heading, text) for heading, text in _lines(machine) if text]


def _lines(machine: Plain) -> Iterator[tuple[str, str]]:
    cpu = machine.get("cpu") or {}
    yield say("machine.cpu"), _words(cpu.get("name"), _cores(cpu))
    memory = machine.get("memory_bytes")
    yield say("machine.memory"), quantity(memory, "B") if memory else ""
    for gpu in machine.get("gpus") or []:
        size = gpu.get("memory_bytes")
        driver = gpu.get("driver")
        yield (
            say("machine.gpu"),
            _words(
                gpu.get("name"),
                size and quantity(size, "B"),
                driver and say("machine.driver", version=driver),
            ),
        )
    if not machine.get("gpus"):
        yield say("machine.gpu"), say("machine.none")
    yield say("machine.system"), _words(machine.get("os"))
    yield say("machine.container"), _words(machine.get("container"))
    yield say("machine.python"), _words(machine.get("python"))
    yield say("machine.libraries"), _pairs(machine.get("software"), "{} {}")
    yield say("machine.idle_power"), _pairs(_idle(machine), "{} {}")
    yield say("machine.energy_by"), "; ".join(_sources(machine))


def _words(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _cores(cpu: Plain) -> str:
    physical, logical = cpu.get("physical_cores"), cpu.get("logical_cores")
    if not physical:
        return say("machine.logical_cores", count=logical) if logical else ""
    cores = say("machine.cores", count=physical)
    if logical in (None, physical):
        return cores
    return f"{cores}, {say('machine.threads', count=logical)}"


def _pairs(table: Plain | None, form: str) -> str:
    return ", ".join(form.format(key, value) for key, value in (table or {}).items() if value)


def _idle(machine: Plain) -> dict[str, str]:
    watts = ((machine.get("energy") or {}).get("idle") or {}).get("power_w") or {}
    return {_device(name): quantity(value, "W") for name, value in watts.items() if value}


def _sources(machine: Plain) -> Iterator[str]:
    energy = machine.get("energy") or {}
    gpus = [(f"gpu{place}", gpu) for place, gpu in enumerate(energy.get("gpus") or [])]
    for name, source in (("cpu", energy.get("cpu")), *gpus, ("ram", energy.get("ram"))):
        if source:
            method = f" ({source['method']})" if source.get("method") else ""
            yield f"{_device(name)}: {translate(source.get('kind'))}{method}"


def _device(name: str) -> str:
    return say("machine.of_memory") if name == "ram" else name.upper()
