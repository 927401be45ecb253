"""What two studies were made of and on: what differs, and what is the same."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.results.export_study import Exported
from vlmeter.results.numbers import DASH
from vlmeter.results.tables import SummaryRow

Plain = Mapping[str, Any]

_OF_ALL_CELLS = {
    "git_commit": "Commit",
    "git_dirty": "Uncommitted changes",
    "code_digest": "Measuring code",
    "machine_cpu": "CPU",
    "machine_gpus": "GPU",
    "machine_driver": "GPU driver",
    "gpu_power_limit_w": "GPU power limit (W)",
    "machine_os": "System",
    "machine_container": "Container",
    "machine_python": "Python",
    "threads": "Threads of a cell",
    "latency_clock": "Clock",
    "energy_cpu_method": "Energy of the CPU",
    "energy_gpu_method": "Energy of the GPUs",
    "energy_ram_method": "Energy of the memory",
}
_OF_A_MODEL = {
    "model_source": "source",
    "model_revision": "revision",
    "model_digest": "digest of its files",
    "model_parameters": "parameters",
    "model_attention": "attention",
    "model_dtypes": "number formats",
}
_OF_A_DATASET = {
    "samples_sha256": "SHA-256 of its samples",
    "quality_samples": "samples",
    "prompt_template": "prompts",
    "decoding": "decoding",
    "quality_definition": "scoring",
}
_OF_THE_SOFTWARE = {
    "software": "Library ",
    "torch_settings": "torch.",
    "cuda_settings": "cuda.",
}
"""Columns that hold several traits as JSON, by what stands before each."""
_NOT_THE_STUDY_S = {"max_attempts", "timeout_s"}
"""Settings of the measurement that change no figure."""


@dataclass(frozen=True)
class Trait:
    """Something that two studies have in common, or have not."""

    name: str
    a: str
    b: str

    @property
    def differs(self) -> bool:
        """Whether it is not the same in both."""
        return self.a != self.b


def traits(a: Exported, b: Exported) -> list[Trait]:
    """Return what is known of where two studies come from, by the name of each trait."""
    told_a, told_b = dict(_told(a)), dict(_told(b))
    names = list(dict.fromkeys([*told_a, *told_b]))
    return [Trait(name, told_a.get(name, DASH), told_b.get(name, DASH)) for name in names]


def _told(study: Exported) -> Iterator[tuple[str, str]]:
    rows = list(study.rows.values())
    yield "VLMeter", study.version
    yield from _from_rows("", _OF_ALL_CELLS, rows)
    yield from _machine(study.machine)
    for column, prefix in _OF_THE_SOFTWARE.items():
        yield from _from_json(prefix, column, rows)
    for name in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == name]
        yield from _from_rows(f"Model {name}: ", _OF_A_MODEL, own)
    for name in dict.fromkeys(row.dataset for row in rows):
        own = [row for row in rows if row.dataset == name]
        yield from _from_rows(f"Data set {name}: ", _OF_A_DATASET, own)
    for key, value in _flat("", study.outline.get("measure") or {}):
        if key not in _NOT_THE_STUDY_S:
            yield f"measure.{key}", DASH if value is None else str(value)


def _from_rows(
    prefix: str, columns: Mapping[str, str], rows: list[SummaryRow]
) -> Iterator[tuple[str, str]]:
    for column, heading in columns.items():
        values = dict.fromkeys(row[column] for row in rows if row[column] is not None)
        if values:
            yield f"{prefix}{heading}", " | ".join(sorted(map(_words, values)))


def _machine(machine: Plain) -> Iterator[tuple[str, str]]:
    """Yield what the cells' own provenance leaves out of the machine that was described."""
    cpu = machine.get("cpu") or {}
    if cpu.get("physical_cores"):
        yield "Cores", str(cpu["physical_cores"])
    if machine.get("memory_bytes"):
        # The kernel's own share differs a little from boot to boot.
        yield "Memory", f"{machine['memory_bytes'] / 2**30:.0f} GiB"


def _from_json(prefix: str, column: str, rows: list[SummaryRow]) -> Iterator[tuple[str, str]]:
    values: dict[str, dict[str, None]] = {}
    for text in dict.fromkeys(row[column] for row in rows if row[column]):
        for name, value in _flat("", json.loads(text)):
            values.setdefault(name, {})[DASH if value is None else _words(value)] = None
    for name, texts in sorted(values.items()):
        yield f"{prefix}{name}", " | ".join(sorted(texts))


def _flat(prefix: str, block: Plain) -> Iterator[tuple[str, object]]:
    for key, value in block.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
