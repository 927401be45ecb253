"""`machine.json` as lines for people. The host's name stays out of the report."""

from collections.abc import Iterator, Mapping
from typing import Any

from vlmeter.reporting.formats import quantity

Plain = Mapping[str, Any]


def machine_lines(machine: Plain) -> list[tuple[str, str]]:
    """Return what is known of the machine and its software, as pairs of heading and text."""
    return [(heading, text) for heading, text in _lines(machine) if text]


def _lines(machine: Plain) -> Iterator[tuple[str, str]]:
    cpu = machine.get("cpu") or {}
    yield "CPU", _words(cpu.get("name"), _cores(cpu))
    memory = machine.get("memory_bytes")
    yield "Memory", quantity(memory, "B") if memory else ""
    for gpu in machine.get("gpus") or []:
        size = gpu.get("memory_bytes")
        driver = gpu.get("driver")
        yield (
            "GPU",
            _words(gpu.get("name"), size and quantity(size, "B"), driver and f"driver {driver}"),
        )
    if not machine.get("gpus"):
        yield "GPU", "none"
    yield "System", _words(machine.get("os"))
    yield "Container", _words(machine.get("container"))
    yield "Python", _words(machine.get("python"))
    yield "Libraries", _pairs(machine.get("software"), "{} {}")
    yield "Idle power", _pairs(_idle(machine), "{} {}")
    yield "Energy is known by", "; ".join(_sources(machine))


def _words(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _cores(cpu: Plain) -> str:
    physical, logical = cpu.get("physical_cores"), cpu.get("logical_cores")
    if not physical:
        return f"{logical} logical cores" if logical else ""
    return (
        f"{physical} cores"
        if logical in (None, physical)
        else f"{physical} cores, {logical} threads"
    )


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
            yield f"{_device(name)}: {source.get('kind')}{method}"


def _device(name: str) -> str:
    return {"cpu": "CPU", "ram": "memory"}.get(name, name.upper())
