"""Answers the rules of the workflow: inputs, params, threads and GPUs, by wildcards.

Snakemake calls the methods that take wildcards once for each job of a study.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path

from vlmeter.reporting.language import LANGUAGES, get_figure_path
from vlmeter.storage.layout import CellKey, locate
from vlmeter.study.imported import is_imported
from vlmeter.study.jobs import Jobs, Params, name_shard
from vlmeter.study.remakes import MeasuringJob, Remakes
from vlmeter.study.study import Cell, Study
from vlmeter.study.wildcards import (
    CellWildcards,
    DatasetWildcards,
    ImageWildcards,
    ModelWildcards,
    ShardWildcards,
)

_NO_NAME = "(?!)"
"""A pattern that matches nothing."""


class Rules:
    """The rules of one study."""

    def __init__(
        self,
        study: Study,
        *,
        cores: int,
        gpus: int | None,
        on_cluster: bool,
        force: Callable[[Iterable[Path]], None] | None = None,
    ) -> None:
        """Look at what the study's earlier runs left.

        Args:
            study: The study.
            cores: The cores that Snakemake may use.
            gpus: The GPUs that Snakemake may use, where it was given a number.
            on_cluster: Jobs run on nodes, whose devices are not those of this machine.
            force: Makes the jobs with these outputs run; None where nobody asks for that.
        """
        self._study = study
        self._folder = study.folder
        self._cores = cores
        self._gpus = gpus
        self._on_cluster = on_cluster
        self._force = force
        self._is_imported = is_imported(self._folder)
        self.jobs = Jobs(study, elsewhere=on_cluster)
        self._remakes = Remakes(study, self.jobs)
        self._derived = self._remakes.list_derived()

    @property
    def has_costs_apart(self) -> bool:
        """Whether the costs of some cells are measured by jobs of their own."""
        return any(map(self._study.has_costs_apart, self._study.cells))

    @cached_property
    def gathered(self) -> str:
        """A pattern of the data sets, each before those of its cells that other jobs answer."""
        return _match_any(
            _match_before(name, self._list_gathered(name)) for name in self._study.config.datasets
        )

    @cached_property
    def whole(self) -> str:
        """A pattern of the data sets, each before the cells that answer where they are measured."""
        return _match_any(
            _match_before(name, self._list_gathered(name), negate=True)
            for name in self._study.config.datasets
        )

    def _list_gathered(self, dataset: str) -> list[str] | None:
        """Return the ids of the cells that other jobs answer; None where those are all."""
        if self.jobs.count_shards(dataset) > 1:
            return None
        return [
            cell.id
            for cell in self._study.cells
            if cell.dataset == dataset and self._study.has_costs_apart(cell)
        ]

    def _find_cell(self, wildcards: CellWildcards) -> Cell:
        return self._study.cell(CellKey(wildcards.dataset, wildcards.cell))

    @cached_property
    def _control(self) -> Cell:
        cell = self._study.control_cell
        assert cell is not None, "only a study with a control runs the rule"
        return cell

    # Inputs.

    def list_cell_inputs(self, wildcards: CellWildcards) -> dict[str, Path]:
        """Return what the measurement of a cell reads."""
        cell = self._find_cell(wildcards)
        if self._study.has_costs_apart(cell):
            build, output = self.jobs.build_costs, self._folder.shards(cell.key).costs
        else:
            build, output = self.jobs.build_measurement, self._folder.cell(cell.key).measurement
        return self._list_inputs(MeasuringJob("cells", cell, partial(build, cell), output))

    def list_shard_inputs(self, wildcards: ShardWildcards) -> dict[str, Path]:
        """Return what a shard of a cell's answers reads."""
        cell = self._find_cell(wildcards)
        number, shards = int(wildcards.number), int(wildcards.shards)
        job = MeasuringJob(
            "shards",
            cell,
            partial(self.jobs.build_shard, cell, number, shards),
            self._folder.shards(cell.key).manifest(number, shards),
            name_shard(cell, number, shards),
        )
        return self._list_inputs(job)

    def list_layer_inputs(self, wildcards: CellWildcards) -> dict[str, Path]:
        """Return what the layer profile of a cell reads."""
        cell = self._find_cell(wildcards)
        output = self._folder.layer_record(cell.key)
        build = partial(self.jobs.build_layers, cell)
        return self._list_inputs(MeasuringJob("layers", cell, build, output))

    def list_control_inputs(self, _wildcards: object) -> dict[str, Path]:
        """Return what the second measurement of the base cell reads."""
        build = partial(self.jobs.build_control, self._control)
        output = self._folder.control.measurement
        return self._list_inputs(MeasuringJob("control", self._control, build, output))

    def _list_inputs(self, job: MeasuringJob) -> dict[str, Path]:
        if self._force:
            self._force(self._remakes.list_of_job(job))
            # An iterator: the first job of the study takes all of it.
            self._force(self._derived)
        if self._is_imported:
            # Its measurements stand, whatever they were made from.
            return {}
        axes = job.cell.axes
        images = self._folder.dataset(job.cell.dataset).images_manifest(axes.stored_size)
        if not self.jobs.needs_model(job.kind, job.cell, job.name):
            return {"images": images}
        return {"images": images, "model": self._folder.model_manifest(axes.model, axes.dtype)}

    def list_answers(self, wildcards: CellWildcards) -> list[Path]:
        """Return what a cell's answers are gathered by: shards, or a cell with equal answers."""
        answering = self._study.find_answering_cell(self._find_cell(wildcards))
        count = self.jobs.count_shards(wildcards.dataset)
        if count == 1:
            return [self._folder.cell(answering.key).measurement]
        folder = self._folder.shards(answering.key)
        return [folder.manifest(number + 1, count) for number in range(count)]

    # Params.

    def build_cell_params(self, wildcards: CellWildcards) -> Params:
        """Return what a cell's measurement depends on."""
        return self.jobs.build_measurement(self._find_cell(wildcards))

    def build_costs_params(self, wildcards: CellWildcards) -> Params:
        """Return what the costs of a cell depend on that other jobs answer."""
        return self.jobs.build_costs(self._find_cell(wildcards))

    def build_shard_params(self, wildcards: ShardWildcards) -> Params:
        """Return what a shard of a cell's answers depends on."""
        number, shards = int(wildcards.number), int(wildcards.shards)
        return self.jobs.build_shard(self._find_cell(wildcards), number, shards)

    def build_layer_params(self, wildcards: CellWildcards) -> Params:
        """Return what a cell's layer profile depends on."""
        return self.jobs.build_layers(self._find_cell(wildcards))

    def build_control_params(self, _wildcards: object) -> Params:
        """Return what the second measurement of the base cell depends on."""
        return self.jobs.build_control(self._control)

    def build_score_params(self, wildcards: CellWildcards) -> Params:
        """Return what a cell's scores depend on."""
        return self.jobs.build_score(self._find_cell(wildcards))

    def build_machine_params(self, _wildcards: object, output: object) -> Params:
        """Return what the machine's description depends on.

        The rule's output is an argument because Snakemake does not compare such params.
        """
        return self.jobs.build_machine()

    def build_dataset_params(self, wildcards: DatasetWildcards) -> Params:
        """Return what a data set's sample depends on."""
        return self.jobs.build_dataset(wildcards.dataset)

    def build_image_params(self, wildcards: ImageWildcards) -> Params:
        """Return what a data set's images of one size depend on."""
        return self.jobs.build_images(wildcards.size)

    def build_model_params(self, wildcards: ModelWildcards) -> Params:
        """Return what a stored model depends on."""
        return self.jobs.build_model(wildcards.model, wildcards.dtype)

    def build_dataset_key(self, wildcards: DatasetWildcards) -> dict[str, str]:
        """Return what a data set's sample is made for."""
        return vars(self.jobs.build_dataset_key(wildcards.dataset))

    def build_image_key(self, wildcards: ImageWildcards) -> dict[str, str]:
        """Return what a data set's images of one size are made for."""
        return vars(self.jobs.build_images_key(wildcards.dataset, wildcards.size))

    def build_model_key(self, wildcards: ModelWildcards) -> dict[str, str]:
        """Return what a stored model is made for."""
        return vars(self.jobs.build_model_key(wildcards.model, wildcards.dtype))

    # GPUs and threads.

    def count_cell_gpus(self, wildcards: CellWildcards) -> int:
        """Return how many GPUs a cell has to itself."""
        return self._study.gpus(self._find_cell(wildcards))

    def count_control_gpus(self, _wildcards: object) -> int:
        """Return how many GPUs the control has to itself."""
        return self._study.gpus(self._control)

    def count_machine_gpus(self, _wildcards: object) -> int:
        """Return how many GPUs the description asks for.

        On a cluster the machine that is described must be one of those that measure.
        """
        cells = (*self._study.cells, *self._study.layer_cells)
        return max(map(self._study.gpus, cells), default=0) if self._on_cluster else 0

    def count_cell_threads(self, wildcards: CellWildcards) -> int:
        """Return the cores of a cell."""
        return self._share_cores(self.count_cell_gpus(wildcards))

    def count_control_threads(self, wildcards: object) -> int:
        """Return the cores of the control."""
        return self._share_cores(self.count_control_gpus(wildcards))

    def _share_cores(self, gpus: int) -> int:
        """Return a job's cores: a CPU cell is alone, GPU cells share them with each other."""
        if not gpus or not self._gpus:
            return self._cores
        return max(1, self._cores * min(gpus, self._gpus) // self._gpus)

    # All files of a kind.

    def list_measurements(self) -> list[Path]:
        """Return the measurements of all cells."""
        return [self._folder.cell(cell.key).measurement for cell in self._study.cells]

    def list_records(self) -> list[Path]:
        """Return the records of all cells."""
        return [self._folder.cell(cell.key).record for cell in self._study.cells]

    def list_scores(self) -> list[Path]:
        """Return the scores of all cells."""
        return [self._folder.cell(cell.key).scores for cell in self._study.cells]

    def list_layer_tables(self) -> list[Path]:
        """Return the tables of all layer profiles."""
        return [self._folder.layer_table(cell.key) for cell in self._study.layer_cells]

    def list_layer_records(self) -> list[Path]:
        """Return the records of all layer profiles."""
        return [self._folder.layer_record(cell.key) for cell in self._study.layer_cells]

    def list_sample_manifests(self) -> list[Path]:
        """Return the manifests of all samples that cells answer."""
        names = dict.fromkeys(cell.dataset for cell in self._study.cells)
        return [self._folder.dataset(name).manifest for name in names]

    def list_control(self) -> list[Path]:
        """Return the second measurement of the base cell, where a section has it."""
        return [self._folder.control.measurement] if self._study.control_cell else []

    def list_control_base(self) -> list[Path]:
        """Return the record of the first."""
        cell = self._study.control_cell
        return [self._folder.cell(cell.key).record] if cell else []

    def list_gates(self) -> list[Path]:
        """Return how the gates were judged, where the study has any."""
        return [self._folder.gates] if self._study.config.gates else []

    def list_figures(self) -> dict[str, str]:
        """Return the figures in English by name."""
        sections = [section.name for section in self._study.sections]
        names = ["tradeoff", "forest", *sections, "requests"]
        if self._study.layer_cells:
            names.append("layers")
        return {name: str(self._folder.figure(name)) for name in names}

    def list_section_targets(self, name: str) -> list[Path]:
        """Return what the target of a section's name makes."""
        cells = (entry.cell for entry in self._study.section(name).cells)
        return [self._folder.machine_noted, *(self._folder.cell(cell.key).record for cell in cells)]

    def list_published(self) -> list[Path]:
        """Return the file of published figures, where the report shows some."""
        name = self._study.config.report.published
        if not name:
            return []
        # Figures of one's own lie in one's own folder.
        file = Path(f"report/published/{name}.yaml")
        return [file if file.exists() else locate(str(file))]


def translate_figures(*figures: Path | str) -> list[Path]:
    """Return figures in the languages that are not in the files' names."""
    return [
        get_figure_path(Path(figure), language) for language in LANGUAGES[1:] for figure in figures
    ]


def list_catalogues() -> list[Path]:
    """Return the files with the report's words."""
    return [locate(f"report/locales/{language}.yaml") for language in LANGUAGES]


def _match_any(patterns: Iterable[str | None]) -> str:
    return "|".join(filter(None, patterns)) or _NO_NAME


def _match_before(dataset: str, cells: Sequence[str] | None, *, negate: bool = False) -> str | None:
    """Return a pattern of a data set before certain cells, or before the others.

    A cell's folder lies in its data set's. So a constraint of one wildcard can depend on both.

    Args:
        dataset: Its name.
        cells: Their ids; None for all.
        negate: Match before the others.
    """
    if not cells:
        return re.escape(dataset) if (cells is None) != negate else None
    sign = "!" if negate else "="
    return f"{re.escape(dataset)}(?{sign}/(?:{'|'.join(map(re.escape, cells))})/)"
