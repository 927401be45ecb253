"""Where models and data sets come from, by the study's own words and by its records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vlmeter.data.manifests import SamplesManifest
from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.numbers import format_quantity
from vlmeter.results.outline import DatasetInfo, ModelInfo
from vlmeter.results.summary_row import SummaryRow

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
