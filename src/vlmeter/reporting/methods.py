"""The methods paragraph of a paper, with a finished study's own numbers.

Plain text in English, from what every measurement recorded; nothing in it is looked up anew.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vlmeter.axes import AXES
from vlmeter.errors import UserError
from vlmeter.reporting.formats import get_axis_label, join_words
from vlmeter.reporting.render_report import TEMPLATES
from vlmeter.results.exported import Exported, read_exported
from vlmeter.results.numbers import format_number, format_percent, format_quantity
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status

_PARTS = ("CPU", "GPU", "memory")
_LIBRARIES = ("torch", "transformers", "torchao", "snakemake")


@dataclass(frozen=True)
class MethodModel:
    """A model of the study."""

    label: str
    source: str
    revision: str | None
    parameters: str
    dtypes: str
    attention: str


@dataclass(frozen=True)
class MethodDataset:
    """A data set of the study."""

    label: str
    source: str
    samples: str
    scored: str
    bad_samples: int
    prompt: str
    decoding: str
    metric: str
    sha256: str


@dataclass(frozen=True)
class Methods:
    """What the template puts into sentences."""

    version: str
    commits: str
    machine: str
    system: str
    libraries: str
    measured: int
    settings: int
    disturbed: int
    varied: str
    models: tuple[MethodModel, ...]
    datasets: tuple[MethodDataset, ...]
    rounds: str
    iterations: str
    window: str
    new_tokens: str
    threads: str
    energy: str
    energy_window: str
    flops: str
    repeats: str


def write_methods(folder: Path, templates: Path = TEMPLATES) -> str:
    """Return the methods paragraph of a finished study.

    Args:
        folder: Its results.
        templates: Folder of the templates.

    Raises:
        UserError: there is no finished study, it is one of another version, or nothing in it was
            measured.
    """
    study = read_exported(folder)
    rows = [row for row in study.rows.values() if row.status == Status.OK]
    if not rows:
        raise UserError(f"{folder}: nothing was measured, so there is no method to describe.")
    # Plain text: nothing is markup, and nothing is escaped.
    environment = Environment(  # nosec B701
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("methods.txt.j2").render(methods=collect_methods(study, rows))
    paragraphs = (" ".join(block.split()) for block in text.split("\n\n"))
    return "\n\n".join(block for block in paragraphs if block)


def collect_methods(study: Exported, rows: Sequence[SummaryRow]) -> Methods:
    """Return what a study's measurements say of how they were made.

    Args:
        study: The study.
        rows: Its rows with status ok, at least one.
    """
    return Methods(
        version=study.version,
        commits=_list_values((row.git_commit or "")[:12] for row in rows),
        machine=_list_values(
            f"{row.machine_cpu}{f' with {row.machine_gpus}' if row.machine_gpus else ''}"
            for row in rows
        ),
        system=_list_values(row.machine_os for row in rows),
        libraries=_list_libraries(rows),
        measured=len(rows),
        settings=len(study.rows),
        disturbed=sum(bool(row.disturbed) for row in rows),
        varied=_list_axes(list(study.rows.values())),
        models=tuple(
            _describe_model(study, name, [row for row in rows if row.model == name])
            for name in dict.fromkeys(row.model for row in rows)
        ),
        datasets=tuple(
            _describe_dataset(study, name, [row for row in rows if row.dataset == name])
            for name in dict.fromkeys(row.dataset for row in rows)
        ),
        rounds=_format_range(len(json.loads(row.latency_rounds_s or "[]")) for row in rows),
        iterations=_format_range(row.latency_iterations for row in rows),
        window=_format_range((row.latency_window_s for row in rows), "s"),
        new_tokens=_format_range(row.new_tokens for row in rows),
        threads=_format_range(row.threads for row in rows),
        energy=_list_energy_methods(rows),
        energy_window=_format_range((row.energy_window_s for row in rows), "s"),
        flops=_list_values(
            f"{row.flops_counter} ({row.flops_convention})" for row in rows if row.flops is not None
        ),
        repeats=_describe_repeats(study),
    )


def _describe_model(study: Exported, name: str, rows: Sequence[SummaryRow]) -> MethodModel:
    info = study.outline.models[name]
    parameters = next((row.model_parameters for row in rows if row.model_parameters), None)
    return MethodModel(
        label=info.label,
        source=info.source,
        revision=rows[0].model_revision,
        parameters=format_quantity(parameters, "").strip(),
        dtypes=_list_values(row.dtype for row in rows),
        attention=_list_values(row.model_attention for row in rows),
    )


def _describe_dataset(study: Exported, name: str, rows: Sequence[SummaryRow]) -> MethodDataset:
    info = study.outline.datasets[name]
    scored = [row for row in rows if row.scored_samples]
    return MethodDataset(
        label=info.label,
        source=info.source,
        samples=_format_range(row.cost_samples for row in rows),
        scored=_format_range(row.scored_samples for row in scored),
        bad_samples=max(row.bad_samples or 0 for row in rows),
        prompt=_list_values(
            f'"{text}"' if text else "the image alone"
            for row in rows
            for text in _read_templates(row)
        ),
        decoding=_list_values(row.decoding for row in rows),
        metric=_list_values(row.task_metric_label or "word error rate" for row in scored),
        sha256=_list_values((row.samples_sha256 or "")[:16] for row in rows),
    )


def _read_templates(row: SummaryRow) -> list[str]:
    templates: list[str] = json.loads(row.prompt_template or "[]")
    return templates


def _list_axes(rows: Sequence[SummaryRow]) -> str:
    """Return the axes on which the settings differ, with their values."""
    parts = []
    for axis in AXES:
        values = dict.fromkeys(getattr(row, axis.name) for row in rows)
        if len(values) > 1 and axis.name not in ("model", "dtype"):
            ordered = sorted(values) if axis.is_number else list(values)
            parts.append(f"{get_axis_label(axis.name).lower()} ({', '.join(map(str, ordered))})")
    return join_words(parts)


def _list_libraries(rows: Sequence[SummaryRow]) -> str:
    versions: dict[str, dict[str, None]] = {}
    for text in dict.fromkeys(row.software for row in rows if row.software):
        for name, version in json.loads(text).items():
            versions.setdefault(name, {})[str(version)] = None
    named = [name for name in _LIBRARIES if name in versions and "absent" not in versions[name]]
    return join_words([f"{name} {' and '.join(versions[name])}" for name in named])


def _list_energy_methods(rows: Sequence[SummaryRow]) -> str:
    """Return how the energy of each part of the machine was got."""
    parts = []
    for part, column in zip(_PARTS, ("cpu", "gpu", "ram"), strict=True):
        ways = dict.fromkeys(
            f"{kind}, {method}"
            for row in rows
            if (kind := getattr(row, f"energy_{column}_kind"))
            and (method := getattr(row, f"energy_{column}_method"))
        )
        if ways:
            parts.append(f"{part}: {' or '.join(ways)}")
    return "; ".join(parts)


def _describe_repeats(study: Exported) -> str:
    """Return how well whole processes repeat a latency, by device."""
    return join_words(
        [
            f"{format_percent(repeats.deviation)} on {device.upper()}"
            for device, repeats in study.repeats.latency.items()
        ]
    )


def _list_values(values: Iterable[str | None]) -> str:
    return "; ".join(dict.fromkeys(value for value in values if value))


def _format_range(values: Iterable[float | None], unit: str = "") -> str:
    """Return the least and the greatest of some numbers; nothing where there are none."""
    present = [value for value in values if value is not None]
    if not present:
        return ""
    ends = dict.fromkeys(
        f"{format_number(end)}" if unit else f"{end:g}" for end in (min(present), max(present))
    )
    return f"{' to '.join(ends)} {unit}".rstrip()
