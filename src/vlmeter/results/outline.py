"""What a study consists of: what its tables, figures and pages need to know of its config."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from vlmeter.axes import Axes
from vlmeter.results.limits import StudyLimits
from vlmeter.results.wishes import MemorySize, Prices
from vlmeter.storage.layout import CellKey


@dataclass(frozen=True)
class PlacedCell:
    """A cell in its place in a section."""

    dataset: str
    values: dict[str, str | int]
    """The values of the axes that the section varies."""
    label: str
    """These values in words."""
    cell: str
    """The cell's id."""
    axes: Axes

    @property
    def key(self) -> CellKey:
        """What identifies the cell."""
        return CellKey(self.dataset, self.cell)


@dataclass(frozen=True)
class SectionGrid:
    """A section's settings: what its figure needs."""

    name: str
    fixed: dict[str, str | int]
    varied: dict[str, tuple[str | int, ...]]
    datasets: tuple[str, ...]
    cells: tuple[PlacedCell, ...]


@dataclass(frozen=True)
class SectionOutline(SectionGrid):
    """A section with the words that stand above its tables."""

    title: str
    note: str | None


@dataclass(frozen=True)
class ModelInfo:
    """A model as the study describes it."""

    label: str
    source: str
    revision: str | None
    licence: str | None


@dataclass(frozen=True)
class DatasetInfo:
    """A data set as the study describes it."""

    label: str
    task: str
    source: str
    licence: str | None


@dataclass(frozen=True)
class ProfiledCell:
    """A cell whose layers are profiled."""

    cell: str
    """The cell's id."""
    axes: Axes


@dataclass(frozen=True)
class LayersOutline:
    """The study's layer profiles."""

    dataset: str
    cells: tuple[ProfiledCell, ...]


@dataclass(frozen=True)
class Labels:
    """The labels of a study's data sets and models, by name and in the study's order."""

    datasets: dict[str, str]
    models: dict[str, str]


LabelsByLanguage = dict[str, Labels]
"""The labels in every language of the figures."""
References = dict[str, dict[str, str]]
"""Id of the cell that others are compared with, by data set and model."""


@dataclass(frozen=True)
class Outline:
    """A whole study, in the order of its report."""

    study: str
    title: str
    language: str
    models: dict[str, ModelInfo]
    datasets: dict[str, DatasetInfo]
    base: Axes
    base_cells: dict[str, str]
    """Id of the cell with the base's values, by data set; only where a section has it."""
    references: References
    sections: tuple[SectionOutline, ...]
    layers: LayersOutline | None
    measure: dict[str, Any]
    """The settings of the measurement, as the config writes them."""
    limits: StudyLimits = field(default_factory=StudyLimits)
    """What the config asks of the setting that is chosen."""
    memories: tuple[MemorySize, ...] = ()
    """The memories that settings are to fit."""
    prices: Prices | None = None
    """What electricity and devices cost."""
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    """Titles, notes and labels as the config gives them, by language and key, such as
    `sections.batch_size.title`."""

    @property
    def labels(self) -> Labels:
        """The labels of the data sets and models."""
        return Labels(
            {name: dataset.label for name, dataset in self.datasets.items()},
            {name: model.label for name, model in self.models.items()},
        )

    @property
    def foreign(self) -> dict[str, str]:
        """Texts that the config lacks in the outline's language, with their own language."""
        own = self.texts.get(self.language, {})
        return {
            text: language
            for language, texts in reversed(self.texts.items())
            for place, text in texts.items()
            if place not in own and text not in own.values()
        }


def translate_outline(outline: Outline, language: str) -> Outline:
    """Return an outline with the config's texts in a language.

    A text that the config lacks in it stays in the first language that has it.
    """
    chosen: dict[str, str] = {}
    for name in (*reversed(outline.texts), language):
        chosen |= outline.texts.get(name, {})
    return replace(
        outline,
        language=language,
        title=chosen.get("report.title", outline.title),
        models={
            name: replace(model, label=chosen.get(f"models.{name}.label", model.label))
            for name, model in outline.models.items()
        },
        datasets={
            name: replace(dataset, label=chosen.get(f"datasets.{name}.label", dataset.label))
            for name, dataset in outline.datasets.items()
        },
        sections=tuple(
            replace(
                section,
                title=chosen.get(f"sections.{section.name}.title", section.title),
                note=chosen.get(f"sections.{section.name}.note", section.note),
            )
            for section in outline.sections
        ),
    )


def translate_labels(outline: Outline, languages: Iterable[str]) -> LabelsByLanguage:
    """Return the labels of an outline in each of some languages."""
    return {language: translate_outline(outline, language).labels for language in languages}


@dataclass(frozen=True)
class SectionPlan:
    """What the figure of a section shows."""

    section: SectionGrid
    labels: LabelsByLanguage
    """Of every data set of the study, in the study's order, which decides the colours."""
    most: int
    """Most of its settings that are shown."""


@dataclass(frozen=True)
class SettingsPlan:
    """What a figure of all settings shows."""

    base: Axes
    labels: LabelsByLanguage


@dataclass(frozen=True)
class ForestPlan:
    """What the figure of what each knob does shows."""

    references: References
    labels: LabelsByLanguage


@dataclass(frozen=True)
class LayersPlan:
    """What the figure of the layer profiles shows."""

    layers: LayersOutline | None
    """None where the study has none."""
    labels: LabelsByLanguage


@dataclass(frozen=True)
class GalleryPlan:
    """Which samples and answers the report shows."""

    samples: int
    """Most samples of a data set."""
    references: References
