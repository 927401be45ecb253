"""Finds what differs between the origins of two studies, and what is the same."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.machine.description import Machine
from vlmeter.results.exported import Exported
from vlmeter.results.numbers import DASH
from vlmeter.results.summary_row import SummaryRow

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
    "new_tokens": "New tokens of the timed generation",
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
_WITHOUT_EFFECT = {"max_attempts", "timeout_s"}
"""Settings of the measurement that change no figure."""


@dataclass(frozen=True)
class Trait:
    """A trait of the origin of two studies."""

    name: str
    a: str
    b: str

    @property
    def differs(self) -> bool:
        """Whether it is not the same in both."""
        return self.a != self.b


def compare_origins(a: Exported, b: Exported) -> list[Trait]:
    """Return the recorded traits of the origins of two studies."""
    traits_a, traits_b = dict(_list_traits(a)), dict(_list_traits(b))
    names = list(dict.fromkeys([*traits_a, *traits_b]))
    return [Trait(name, traits_a.get(name, DASH), traits_b.get(name, DASH)) for name in names]


def _list_traits(study: Exported) -> Iterator[tuple[str, str]]:
    rows = list(study.rows.values())
    yield "VLMeter", study.version
    yield from _read_columns("", _OF_ALL_CELLS, rows)
    yield from _describe_machine(study.machine)
    for column, prefix in _OF_THE_SOFTWARE.items():
        yield from _read_json_column(prefix, column, rows)
    for name in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == name]
        yield from _read_columns(f"Model {name}: ", _OF_A_MODEL, own)
    for name in dict.fromkeys(row.dataset for row in rows):
        own = [row for row in rows if row.dataset == name]
        yield from _read_columns(f"Data set {name}: ", _OF_A_DATASET, own)
    for key, value in _flatten("", study.outline.measure):
        if key not in _WITHOUT_EFFECT:
            yield f"measure.{key}", DASH if value is None else str(value)


def _read_columns(
    prefix: str, columns: Mapping[str, str], rows: list[SummaryRow]
) -> Iterator[tuple[str, str]]:
    for column, heading in columns.items():
        values = dict.fromkeys(value for row in rows if (value := getattr(row, column)) is not None)
        if values:
            yield f"{prefix}{heading}", " | ".join(sorted(map(_format_value, values)))


def _describe_machine(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield traits of the described machine that the cells do not record themselves."""
    if machine.cpu.physical_cores:
        yield "Cores", str(machine.cpu.physical_cores)
    # The kernel's own share differs a little from boot to boot.
    yield "Memory", f"{machine.memory_bytes / 2**30:.0f} GiB"


def _read_json_column(
    prefix: str, column: str, rows: list[SummaryRow]
) -> Iterator[tuple[str, str]]:
    values: dict[str, dict[str, None]] = {}
    for text in dict.fromkeys(text for row in rows if (text := getattr(row, column))):
        for name, value in _flatten("", json.loads(text)):
            values.setdefault(name, {})[DASH if value is None else _format_value(value)] = None
    for name, texts in sorted(values.items()):
        yield f"{prefix}{name}", " | ".join(sorted(texts))


def _flatten(prefix: str, block: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key, value in block.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
