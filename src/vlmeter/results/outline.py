"""What a study consists of: what its tables, figures and pages need to know of its config."""

from dataclasses import dataclass, field
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

    @property
    def labels(self) -> Labels:
        """The labels of the data sets and models."""
        return Labels(
            {name: dataset.label for name, dataset in self.datasets.items()},
            {name: model.label for name, model in self.models.items()},
        )


@dataclass(frozen=True)
class SectionPlan:
    """What the figure of a section shows."""

    section: SectionGrid
    labels: dict[str, str]
    """Label of every data set of the study, in the study's order, which decides the colours."""


@dataclass(frozen=True)
class SettingsPlan:
    """What a figure of all settings shows."""

    base: Axes
    labels: Labels


@dataclass(frozen=True)
class ForestPlan:
    """What the figure of what each knob does shows."""

    references: References
    labels: Labels


@dataclass(frozen=True)
class LayersPlan:
    """What the figure of the layer profiles shows."""

    layers: LayersOutline | None
    """None where the study has none."""
    dataset: str
    """Label of the data set that was profiled, empty without one."""


@dataclass(frozen=True)
class GalleryPlan:
    """Which samples and answers the report shows."""

    samples: int
    """Most samples of a data set."""
    references: References
