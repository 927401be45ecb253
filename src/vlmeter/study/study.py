"""From a config to what is to be done: sections, cells, and what of the config each job depends on.

Imports no torch and reads no file.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vlmeter.axes import AXES, AXIS_NAMES, GENERATION_AXES, Axes, write_cell_id
from vlmeter.cell.job import CellSetup
from vlmeter.config.axes import Fixed, Varied
from vlmeter.config.schema import StudyConfig
from vlmeter.data.job import DatasetJob
from vlmeter.errors import UserError
from vlmeter.measure.settings import MeasureSettings
from vlmeter.models.decoding import Decoding
from vlmeter.models.job import ModelJob
from vlmeter.models.optimization import Optimization
from vlmeter.storage.layout import RESULTS, CellKey, StudyFolder
from vlmeter.storage.typed import from_params
from vlmeter.study.settings import build_decoding, build_measure_settings, build_optimization

Values = dict[str, str | int]
"""A value on some axes."""
_ANSWER_AXES = tuple(name for name in AXIS_NAMES if name not in GENERATION_AXES)


@dataclass(frozen=True)
class Cell:
    """One data set with one value on every axis: the unit that is measured, stored and rerun."""

    dataset: str
    axes: Axes
    id: str

    @property
    def key(self) -> CellKey:
        """What names it within the study."""
        return CellKey(self.dataset, self.id)


@dataclass(frozen=True)
class SectionCell:
    """A cell in its place in a table."""

    cell: Cell
    values: Values
    """The values of the varied axes."""

    @property
    def label(self) -> str:
        """The varied values, as the heading of this row."""
        return " · ".join(str(value) for value in self.values.values())


@dataclass(frozen=True)
class Section:
    """A table of the report."""

    name: str
    fixed: Values
    varied: dict[str, list[str | int]]
    datasets: tuple[str, ...]
    cells: tuple[SectionCell, ...]


class Study:
    """A checked config with the cells that follow from it."""

    def __init__(self, config: StudyConfig, folder: StudyFolder | None = None) -> None:
        """Take a config, and where the results lie: by default where the workflow writes them."""
        self.config = config
        self.folder = folder or StudyFolder(RESULTS / config.study)
        self.sections = tuple(self._build_sections())
        self.layer_cells = tuple(dict.fromkeys(self._list_layer_cells()))
        self._cell_by_key = _index_by_key([*self.cells, *self.layer_cells])

    @property
    def name(self) -> str:
        """The study's name."""
        return self.config.study

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every distinct cell of the sections, in the order of the report."""
        placed = (entry.cell for section in self.sections for entry in section.cells)
        return tuple(dict.fromkeys(placed))

    @cached_property
    def base_axes(self) -> Axes:
        """The base's values."""
        return self._resolve_axes({})

    @cached_property
    def base_cells(self) -> dict[str, Cell]:
        """The cell with the base's values, by data set, where a section has it."""
        base = self.base_axes
        return {cell.dataset: cell for cell in self.cells if cell.axes == base}

    @cached_property
    def reference_cells(self) -> dict[tuple[str, str], Cell]:
        """The cell that others are compared with, by data set and model.

        It has the base's values but for the model; where a study has none, it is the first.
        """
        base_axes = {model: self._resolve_axes({"model": model}) for model in self.config.models}
        references: dict[tuple[str, str], Cell] = {}
        for cell in self.cells:
            key = (cell.dataset, cell.axes.model)
            if cell.axes == base_axes[cell.axes.model]:
                references[key] = cell
            references.setdefault(key, cell)
        return references

    @cached_property
    def control_cell(self) -> Cell | None:
        """The cell that is measured again at the end: the first with the base's values.

        A study in which every section fixes something has none.
        """
        return next(iter(self.base_cells.values()), None)

    @cached_property
    def used_datasets(self) -> list[str]:
        """The data sets that cells and layer profiles answer, by name."""
        return sorted({cell.dataset for cell in (*self.cells, *self.layer_cells)})

    @cached_property
    def stored_models(self) -> list[tuple[str, str]]:
        """The models that cells and layer profiles open, each with its number format."""
        cells = (*self.cells, *self.layer_cells)
        return sorted({(cell.axes.model, cell.axes.dtype) for cell in cells})

    def find_answering_cell(self, cell: Cell) -> Cell:
        """Return the cell whose answers a cell has: its own, or those of one with equal answers."""
        return self._answering_cells.get(_get_answer_key(cell), cell)

    @cached_property
    def _answering_cells(self) -> dict[tuple[object, ...], Cell]:
        """The cells that answer: of those with equal answers the base's length, else the first."""
        base, answering = self.base_axes, dict[tuple[object, ...], Cell]()
        for cell in self.cells:
            first = answering.setdefault(_get_answer_key(cell), cell)
            if first != cell and _get_generation(cell.axes) == _get_generation(base):
                answering[_get_answer_key(cell)] = cell
        return answering

    def has_costs_apart(self, cell: Cell) -> bool:
        """Say whether a job of its own measures a cell's costs, and other jobs answer."""
        in_shards = self.config.datasets[cell.dataset].shards > 1
        return in_shards or self.find_answering_cell(cell) != cell

    def cell(self, key: CellKey) -> Cell:
        """Return the cell with this key.

        Raises:
            KeyError: the study has no such cell.
        """
        return self._cell_by_key[key]

    def section(self, name: str) -> Section:
        """Return the section of this name."""
        return next(section for section in self.sections if section.name == name)

    def _build_sections(self) -> Iterator[Section]:
        for block in self.config.sections:
            fixed, varied = _list_fixed(block.fix), _list_varied(block.vary)
            yield Section(
                name=block.name,
                fixed=fixed,
                varied=varied,
                datasets=tuple(block.datasets),
                cells=tuple(self._build_grid(block.datasets, fixed, varied)),
            )

    def _list_layer_cells(self) -> Iterator[Cell]:
        if self.config.layers is None:
            return
        for grid in self.config.layers.grids:
            datasets = [self.config.layers.dataset]
            for entry in self._build_grid(datasets, _list_fixed(grid.fix), _list_varied(grid.vary)):
                yield entry.cell

    def _build_grid(
        self, datasets: Sequence[str], fixed: Values, varied: dict[str, list[str | int]]
    ) -> Iterator[SectionCell]:
        for combination in itertools.product(*varied.values()):
            values = dict(zip(varied, combination, strict=True))
            axes = self._resolve_axes({**fixed, **values})
            cell_id = write_cell_id(axes, self._base_values)
            for dataset in datasets:
                yield SectionCell(Cell(dataset, axes, cell_id), values)

    @cached_property
    def _base_values(self) -> dict[str, object]:
        return self.config.base.get_values()

    def _resolve_axes(self, values: Values) -> Axes:
        chosen: dict[str, Any] = {**self._base_values, **values}
        for axis in AXES:
            if axis.follows_device and isinstance(chosen[axis.name], dict):
                chosen[axis.name] = chosen[axis.name][chosen["device"]]
        return Axes(**chosen)

    def dataset_job(self, dataset: str) -> DatasetJob:
        """Return what of the config a data set's sample depends on."""
        block = self.config.datasets[dataset]
        wanted = {"task", "source", "columns", "sample"}
        return from_params(
            DatasetJob, {"dataset": dataset, **block.model_dump(mode="json", include=wanted)}
        )

    def model_job(self, model: str, dtype: str) -> ModelJob:
        """Return what of the config a model's stored weights depend on."""
        block = self.config.models[model].model_dump(mode="json", include={"source", "weights"})
        return from_params(ModelJob, {"model": model, "dtype": dtype, **block})

    def gpus(self, cell: Cell) -> int:
        """Return how many GPUs a cell has to itself."""
        return self.config.models[cell.axes.model].gpus if cell.axes.device == "cuda" else 0

    def build_cell_setup(self, cell: Cell) -> CellSetup:
        """Return a cell as each of its jobs needs it."""
        block = self.config.datasets[cell.dataset]
        return CellSetup(
            id=cell.id,
            dataset=cell.dataset,
            axes=cell.axes,
            gpus=self.gpus(cell),
            optimization=self.optimization(cell),
            task=block.task,
            template=block.prompts.get(cell.axes.prompt),
            decoding=self.decoding(cell.dataset),
            seed=self.config.measure.seed,
            cpu_threads=self.config.measure.cpu_threads,
        )

    def optimization(self, cell: Cell) -> Optimization:
        """Return how a cell asks for its model to be executed."""
        return self._optimizations[cell.axes.optimization]

    @cached_property
    def _optimizations(self) -> dict[str, Optimization]:
        blocks = self.config.known_optimizations
        return {name: build_optimization(name, block) for name, block in blocks.items()}

    @cached_property
    def measure_settings(self) -> MeasureSettings:
        """How a cell's costs are measured."""
        return build_measure_settings(self.config.measure)

    def decoding(self, dataset: str) -> Decoding:
        """Return how answers on a data set are decoded."""
        return self._decodings[dataset]

    @cached_property
    def _decodings(self) -> dict[str, Decoding]:
        return {name: build_decoding(block) for name, block in self.config.datasets.items()}


def _get_answer_key(cell: Cell) -> tuple[object, ...]:
    """Return what decides a cell's answers."""
    return (cell.dataset, *(getattr(cell.axes, name) for name in _ANSWER_AXES))


def _get_generation(axes: Axes) -> tuple[object, ...]:
    """Return the values that act on the timed generation alone."""
    return tuple(getattr(axes, name) for name in GENERATION_AXES)


def _list_fixed(block: Fixed) -> Values:
    return block.model_dump(mode="json", exclude_none=True)


def _list_varied(block: Varied) -> dict[str, list[str | int]]:
    return block.model_dump(mode="json", exclude_none=True)


def _index_by_key(cells: Sequence[Cell]) -> dict[CellKey, Cell]:
    """Index cells by key; two cells with the same key would overwrite each other's files."""
    by_key: dict[CellKey, Cell] = {}
    for cell in cells:
        other = by_key.setdefault(cell.key, cell)
        if other != cell:
            raise UserError(
                f"two cells would share the name {cell.id}: rename a model or a prompt, "
                f"so that {other.axes} and {cell.axes} differ in name."
            )
    return by_key
