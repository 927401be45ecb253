"""Where the records come from: what all cells share, and then only what differs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vlmeter.data.manifests import SamplesManifest
from vlmeter.machine.description import Cpu, Machine
from vlmeter.measure.energy.description import CpuSource, GpuSource, RamSource
from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.numbers import DASH, format_quantity, write_decimals
from vlmeter.results.outline import DatasetInfo, ModelInfo
from vlmeter.results.summary_row import SummaryRow

_TRAITS = (
    "git_commit",
    "git_dirty",
    "code_digest",
    "software",
    "model_image_backend",
    "torch_settings",
    "cuda_settings",
    "machine_cpu",
    "machine_gpus",
    "machine_driver",
    "machine_os",
    "machine_container",
    "machine_python",
    "threads",
    "gpu_power_limit_w",
    "attempt",
)
"""What may differ from cell to cell, by its column."""

_SHARED = (
    "git_commit",
    "code_digest",
    "model_image_backend",
    "threads",
    "cuda_settings",
    "gpu_power_limit_w",
)
"""What is said of all cells where most share it."""
_AS_JSON = ("software", "torch_settings", "cuda_settings")
_OF_CUDA = ("version", "cudnn", "capability", "matmul_fp32", "convolution_fp32")
"""What of the settings of CUDA every reader should see."""
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class ModelSource:
    """A model of the study, and what its records add."""

    label: str
    source: str
    revision: str | None
    licence: str | None
    parameters: int | None
    attention: str | None
    digest: str | None
    """The digests of the cells' weights, abbreviated."""


@dataclass(frozen=True)
class DatasetSource:
    """A data set of the study, and what its samples and records add."""

    label: str
    task: str
    source: str
    revision: str | None
    licence: str | None
    digest: str | None
    """The digests of the cells' samples, abbreviated."""


@dataclass(frozen=True)
class Origin:
    """Where the records come from."""

    shared: tuple[tuple[str, str], ...]
    """Heading and text of what most cells share."""
    differing: Table | None
    """The cells that do not, with what differs."""


def describe_origin(rows: Sequence[SummaryRow], labels: Mapping[str, str]) -> Origin:
    """Return what the measured cells share, and what sets single ones apart.

    Args:
        rows: The rows of `summary.csv`; cells without figures have no provenance.
        labels: The labels of the data sets.
    """
    common: dict[str, object] = {}
    apart: dict[tuple[str, str], list[str]] = {}
    for column in _TRAITS:
        values = {id(row): getattr(row, column) for row in rows}
        counts = Counter(value for value in values.values() if value is not None)
        if not counts:
            continue
        common[column] = counts.most_common(1)[0][0]
        for row in rows:
            value = values[id(row)]
            if value not in (None, common[column]):
                label = labels.get(row.dataset, row.dataset)
                apart.setdefault((label, row.cell), []).append(
                    f"{say(f'trait.{column}')}: {_format_trait(column, value, common[column])}"
                )
    shared = tuple(
        (say(f"trait.{column}"), _format_shared_trait(column, value))
        for column, value in common.items()
        if column in _SHARED
    )
    if common.get("git_dirty"):
        commit = say("trait.git_commit")
        shared = tuple(
            (heading, say("origin.not_committed", commit=text) if heading == commit else text)
            for heading, text in shared
        )
    return Origin(shared, _tabulate_differing(apart))


def describe_models(
    models: Mapping[str, ModelInfo], rows: Sequence[SummaryRow]
) -> Iterator[ModelSource]:
    """Yield the models, with what their records add to the study's own words."""
    for name, model in models.items():
        own = [row for row in rows if row.model == name]
        yield ModelSource(
            label=model.label,
            source=model.source,
            revision=_get_first(row.model_revision for row in own) or model.revision,
            # What the study says about a licence is more than what a card says.
            licence=model.licence or _get_first(row.model_licence for row in own),
            parameters=_get_first(row.model_parameters for row in own),
            attention=_get_first(row.model_attention for row in own),
            digest=_abbreviate_digests(row.model_digest for row in own),
        )


def describe_datasets(
    datasets: Mapping[str, DatasetInfo],
    rows: Sequence[SummaryRow],
    manifests: Mapping[str, SamplesManifest],
) -> Iterator[DatasetSource]:
    """Yield the data sets, with what their samples and records add to the study's own words."""
    for name, dataset in datasets.items():
        manifest = manifests.get(name)
        yield DatasetSource(
            label=dataset.label,
            task=dataset.task,
            source=dataset.source,
            revision=manifest.revision if manifest else None,
            licence=dataset.licence or (manifest.licence if manifest else None),
            digest=_abbreviate_digests(row.samples_sha256 for row in rows if row.dataset == name),
        )


def _get_first(values: Iterable[_Value | None]) -> _Value | None:
    return next((value for value in values if value is not None), None)


def _abbreviate_digests(digests: Iterable[str | None]) -> str | None:
    distinct = dict.fromkeys(digest for digest in digests if digest is not None)
    return join_words([digest[:12] for digest in distinct]) or None


def _format_shared_trait(column: str, value: object) -> str:
    if column != "cuda_settings":
        return _format_trait(column, value)
    settings = json.loads(str(value))
    return say("origin.cuda", **{key: settings.get(key) for key in _OF_CUDA})


def _format_trait(column: str, value: object, common: object = None) -> str:
    if column == "git_dirty":
        return say("origin.dirty" if value else "origin.clean")
    if column in _AS_JSON:
        return _list_unlike_entries(str(value), None if common is None else str(common))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list_unlike_entries(text: str, common: str | None) -> str:
    """Return the versions or settings that are not those of most cells."""
    own, usual = _flatten_settings(text), _flatten_settings(common or "{}")
    unlike = [name for name in {**own, **usual} if own.get(name) != usual.get(name)]
    return join_words([f"{name} {own.get(name, DASH)}" for name in unlike])


def _flatten_settings(text: str) -> dict[str, object]:
    """Return settings by their own names: those of the environment are nested in JSON."""
    settings: dict[str, object] = json.loads(text)
    environment = settings.pop("environment", None)
    return {**settings, **environment} if isinstance(environment, dict) else settings


def _tabulate_differing(apart: Mapping[tuple[str, str], Sequence[str]]) -> Table | None:
    if not apart:
        return None
    return build_table(
        [
            TextColumn(say("table.dataset"), [dataset for dataset, _ in apart]),
            TextColumn(say("table.cell"), [cell for _, cell in apart]),
            TextColumn(say("origin.what_differs"), ["; ".join(texts) for texts in apart.values()]),
        ]
    )


def tabulate_sources(models: Sequence[ModelSource], datasets: Sequence[DatasetSource]) -> Table:
    """Return the table of where models and data sets come from."""
    sources: tuple[ModelSource | DatasetSource, ...] = (*models, *datasets)
    missing, unstated = say("source.not_recorded"), say("source.not_stated")
    return build_table(
        [
            TextColumn(say("source.name"), [source.label for source in sources]),
            TextColumn(say("source.what"), [_name_kind(source) for source in sources]),
            TextColumn(say("source.source"), [source.source for source in sources]),
            TextColumn(say("source.revision"), [source.revision or missing for source in sources]),
            TextColumn("SHA-256", [source.digest or missing for source in sources]),
            TextColumn(say("source.licence"), [source.licence or unstated for source in sources]),
        ]
    )


def _name_kind(source: ModelSource | DatasetSource) -> str:
    if isinstance(source, DatasetSource):
        return say("source.dataset", task=say(f"task.{source.task}"))
    if source.parameters:
        return say("source.model_of", parameters=format_quantity(source.parameters, ""))
    return say("source.model")


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
