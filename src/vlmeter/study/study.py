"""From a config to what is to be done: sections, cells and what each job depends on.

Everything here is plain data: no torch, no file is read. What a job depends on is told as one
JSON-plain dict, because Snakemake reruns a job when the text of its params changes.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vlmeter.axes import Axes
from vlmeter.cell.job import CellSetup
from vlmeter.config.axes import AXES, Fixed, Varied
from vlmeter.config.schema import StudyConfig
from vlmeter.data.job import DatasetJob
from vlmeter.errors import UserError
from vlmeter.measure.settings import MeasureSettings
from vlmeter.models.decoding import Decoding
from vlmeter.models.job import ModelJob
from vlmeter.models.optimization import Optimization
from vlmeter.study.settings import build_decoding, build_measure_settings, build_optimization

Plain = dict[str, Any]
"""A dict that holds only what JSON can hold."""


@dataclass(frozen=True)
class Cell:
    """One data set with one value on every axis: the unit that is measured, stored and rerun."""

    dataset: str
    axes: Axes
    id: str


@dataclass(frozen=True)
class SectionCell:
    """A cell in its place in a table."""

    cell: Cell
    values: dict[str, str | int]
    """The values of the varied axes, by axis."""

    @property
    def label(self) -> str:
        """The varied values, as the heading of this row."""
        return " · ".join(str(value) for value in self.values.values())


@dataclass(frozen=True)
class Section:
    """A table of the report."""

    name: str
    title: str
    note: str | None
    fixed: dict[str, str | int]
    varied: dict[str, list[str | int]]
    datasets: tuple[str, ...]
    cells: tuple[SectionCell, ...]


class Study:
    """A checked config with the cells that follow from it."""

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.sections = tuple(self._sections())
        self.layer_cells = tuple(dict.fromkeys(self._layer_cells()))
        self._cell_by_key = _by_key([*self.cells, *self.layer_cells])

    @property
    def name(self) -> str:
        """The study's name."""
        return self.config.study

    @property
    def folder(self) -> Path:
        """Where the results lie, from the working directory."""
        return Path("results") / self.name

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every distinct cell of the sections, in the order of the report."""
        placed = (entry.cell for section in self.sections for entry in section.cells)
        return tuple(dict.fromkeys(placed))

    @cached_property
    def base_axes(self) -> Axes:
        """The base's values."""
        return self._axes({})

    @cached_property
    def base_cells(self) -> dict[str, Cell]:
        """The cell with the base's values, by data set, where a section has it."""
        base = self.base_axes
        return {cell.dataset: cell for cell in self.cells if cell.axes == base}

    @cached_property
    def reference_cells(self) -> dict[tuple[str, str], Cell]:
        """What each data set's and model's cells are compared with."""
        return reference_cells(self.cells, lambda model: self._axes({"model": model}))

    @cached_property
    def control_cell(self) -> Cell | None:
        """The cell that is measured again at the end: the first with the base's values.

        A study in which every section fixes something has none.
        """
        return next(iter(self.base_cells.values()), None)

    def cell(self, dataset: str, cell_id: str) -> Cell:
        """Return the cell with this id.

        Raises:
            KeyError: the study has no such cell.
        """
        return self._cell_by_key[dataset, cell_id]

    def section(self, name: str) -> Section:
        """Return the section of this name."""
        return next(section for section in self.sections if section.name == name)

    def _sections(self) -> Iterator[Section]:
        for block in self.config.sections:
            fixed = _given(block.fix)
            varied = _given(block.vary)
            yield Section(
                name=block.name,
                title=block.title or block.name,
                note=block.note,
                fixed=fixed,
                varied=varied,
                datasets=tuple(block.datasets),
                cells=tuple(self._grid(block.datasets, fixed, varied)),
            )

    def _layer_cells(self) -> Iterator[Cell]:
        if self.config.layers is None:
            return
        for grid in self.config.layers.grids:
            datasets = [self.config.layers.dataset]
            for entry in self._grid(datasets, _given(grid.fix), _given(grid.vary)):
                yield entry.cell

    def _grid(self, datasets: Sequence[str], fixed: Plain, varied: Plain) -> Iterator[SectionCell]:
        for combination in itertools.product(*varied.values()):
            values = dict(zip(varied, combination, strict=True))
            for dataset in datasets:
                axes = self._axes({**fixed, **values})
                yield SectionCell(Cell(dataset, axes, self._cell_id(axes)), values)

    def _axes(self, values: Plain) -> Axes:
        chosen = {axis: values.get(axis, getattr(self.config.base, axis)) for axis in AXES}
        if isinstance(chosen["dtype"], dict):
            chosen["dtype"] = chosen["dtype"][chosen["device"]]
        return Axes(**chosen)

    def _cell_id(self, axes: Axes) -> str:
        """Return the readable id: it must not depend on which other cells the study has."""
        parts = [
            axes.model,
            f"bs{axes.batch_size}",
            f"img{axes.image_size}",
            f"len{axes.max_input_len}",
            axes.dtype,
            axes.optimization,
            axes.device,
        ]
        if axes.image_input != "processor":
            parts.append(axes.image_input)
        if axes.prompt != self.config.base.prompt:
            parts.append(f"prompt_{axes.prompt}")
        return "-".join(parts)

    def dataset_job(self, dataset: str) -> DatasetJob:
        """Return what of the config a data set's sample depends on."""
        block = self.config.datasets[dataset]
        wanted = {"task", "source", "columns", "sample"}
        return DatasetJob.from_params(
            {"dataset": dataset, **block.model_dump(mode="json", include=wanted)}
        )

    def model_job(self, model: str, dtype: str) -> ModelJob:
        """Return what of the config a model's stored weights depend on."""
        block = self.config.models[model].model_dump(mode="json", include={"source", "weights"})
        return ModelJob.from_params({"model": model, "dtype": dtype, **block})

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

    def score_params(self, cell: Cell) -> Plain:
        """Return what a cell's scores depend on, besides the predictions."""
        random = self.config.models[cell.axes.model].weights == "random"
        return {
            "task": self.config.datasets[cell.dataset].task,
            "not_measured": "random weights" if random else None,
            "seed": self.config.measure.seed,
            "resamples": self.config.report.bootstrap_resamples,
        }


def _given(block: Fixed | Varied) -> Plain:
    return block.model_dump(mode="json", exclude_none=True)


def _by_key(cells: Sequence[Cell]) -> dict[tuple[str, str], Cell]:
    """Index cells by data set and id; two cells with one id would overwrite each other."""
    by_key: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        other = by_key.setdefault((cell.dataset, cell.id), cell)
        if other != cell:
            raise UserError(
                f"two cells would share the name {cell.id}: rename a model or a prompt, "
                f"so that {other.axes} and {cell.axes} differ in name."
            )
    return by_key


def reference_cells(
    cells: Iterable["Cell"], base_of: Callable[[str], "Axes"]
) -> dict[tuple[str, str], "Cell"]:
    """Return the reference of each data set and model.

    It is the cell with the base's values but for the model; where a study has none, the first.

    Args:
        cells: The study's cells, in its order.
        base_of: The base's values with a model in place of its own.
    """
    by_key: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        key = (cell.dataset, cell.axes.model)
        if cell.axes == base_of(cell.axes.model):
            by_key[key] = cell
        by_key.setdefault(key, cell)
    return by_key
