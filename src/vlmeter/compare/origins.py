"""Finds what differs between the origins of studies, and what is the same."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.machine.description import Machine
from vlmeter.reporting.language import say, translate, translate_parts
from vlmeter.results.exported import Exported
from vlmeter.results.numbers import DASH
from vlmeter.results.summary_row import SummaryRow

_OF_ALL_CELLS = (
    "git_commit",
    "git_dirty",
    "code_digest",
    "machine_cpu",
    "machine_gpus",
    "machine_driver",
    "gpu_power_limit_w",
    "machine_os",
    "machine_container",
    "machine_python",
    "threads",
    "new_tokens",
    "latency_clock",
    "energy_cpu_method",
    "energy_gpu_method",
    "energy_ram_method",
)
_OF_A_MODEL = (
    "model_source",
    "model_revision",
    "model_digest",
    "model_parameters",
    "model_attention",
    "model_dtypes",
)
_OF_A_DATASET = (
    "samples_sha256",
    "quality_samples",
    "prompt_template",
    "decoding",
    "quality_definition",
)
_IN_WORDS = frozenset(
    {"decoding", "quality_definition"} | {f"energy_{kind}_method" for kind in ("cpu", "gpu", "ram")}
)
"""What is said in sentences; all else is data, which no language changes."""
_PREFIXES = {"software": "", "torch_settings": "torch.", "cuda_settings": "cuda."}
"""Columns that hold several traits as JSON, by what stands before the name of a setting."""
_WITHOUT_EFFECT = {"max_attempts", "timeout_s"}
"""Settings of the measurement that change no figure."""


@dataclass(frozen=True)
class Trait:
    """A trait of the origin of studies."""

    name: str
    values: tuple[str, ...]
    """Of each study, in their order."""

    @property
    def differs(self) -> bool:
        """Whether it is not the same in all."""
        return len(set(self.values)) > 1


def compare_origins(studies: Sequence[Exported]) -> list[Trait]:
    """Return the recorded traits of the origins of studies, in the current language."""
    by_study = [dict(_list_traits(study)) for study in studies]
    names = dict.fromkeys(name for traits in by_study for name in traits)
    return [Trait(name, tuple(traits.get(name, DASH) for traits in by_study)) for name in names]


def _list_traits(study: Exported) -> Iterator[tuple[str, str]]:
    rows = list(study.rows.values())
    yield "VLMeter", study.version
    for column, text in _read_columns(_OF_ALL_CELLS, rows):
        yield say(f"trait.{column}"), text
    yield from _describe_machine(study.machine)
    for column in _PREFIXES:
        yield from _read_json_column(column, rows)
    for name in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == name]
        for column, text in _read_columns(_OF_A_MODEL, own):
            yield say("compare.of_model", name=name, what=say(f"trait.{column}")), text
    for name in dict.fromkeys(row.dataset for row in rows):
        own = [row for row in rows if row.dataset == name]
        for column, text in _read_columns(_OF_A_DATASET, own):
            yield say("compare.of_dataset", name=name, what=say(f"trait.{column}")), text
    for key, value in _flatten("", study.outline.measure):
        if key not in _WITHOUT_EFFECT:
            yield f"measure.{key}", DASH if value is None else str(value)


def _read_columns(columns: Sequence[str], rows: list[SummaryRow]) -> Iterator[tuple[str, str]]:
    for column in columns:
        values = dict.fromkeys(value for row in rows if (value := getattr(row, column)) is not None)
        if values:
            texts = sorted(map(_format_value, values))
            if column in _IN_WORDS:
                texts = [translate_parts(translate(text)) for text in texts]
            yield column, " | ".join(texts)


def _describe_machine(machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield traits of the described machine that the cells do not record themselves."""
    if machine.cpu.physical_cores:
        yield say("compare.cores"), str(machine.cpu.physical_cores)
    # The kernel's own share differs a little from boot to boot.
    yield say("machine.memory"), f"{machine.memory_bytes / 2**30:.0f} GiB"


def _read_json_column(column: str, rows: list[SummaryRow]) -> Iterator[tuple[str, str]]:
    values: dict[str, dict[str, None]] = {}
    for text in dict.fromkeys(text for row in rows if (text := getattr(row, column))):
        for name, value in _flatten("", json.loads(text)):
            values.setdefault(name, {})[DASH if value is None else _format_value(value)] = None
    for name, texts in sorted(values.items()):
        prefix = _PREFIXES[column]
        heading = f"{prefix}{name}" if prefix else say("compare.library", name=name)
        yield heading, " | ".join(sorted(texts))


def _flatten(prefix: str, block: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key, value in block.items():
        if isinstance(value, dict):
            yield from _flatten(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return say("origin.dirty" if value else "origin.clean")
    return f"{value:g}" if isinstance(value, float) else str(value)
