"""Finds outputs that are to be made again though Snakemake has no reason of its own.

Stale ones were made for something else than they would be made for now. Snakemake notices that by
its own records; where results were copied without them, or they were removed, the keys that lie
beside the results say it. Missing ones went after the study had been finished: Snakemake makes a
file again only where something that follows from it has to be made.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vlmeter.storage.files import read_key
from vlmeter.storage.job_keys import JobKey, read_job_key
from vlmeter.storage.layout import AttemptKind, CellFolder
from vlmeter.study.imported import is_imported
from vlmeter.study.jobs import Jobs, Params, get_attempt_key
from vlmeter.study.outputs import (
    list_cell_outputs,
    list_control_outputs,
    list_derived_outputs,
    list_layer_outputs,
    was_finished,
)
from vlmeter.study.study import Cell, Study

_RECORDS = Path(".snakemake/metadata")
"""Holds a record of Snakemake's for each output, from the working directory."""
_MAX_NAME_CHARS = 254
"""Of a record: a longer name is cut into folders."""


class MeasuringJob(NamedTuple):
    """A job that measures or answers, and is tried again where that may end better."""

    kind: AttemptKind
    cell: Cell
    build_params: Callable[[], Params]
    """Returns its params as they are now."""
    output: Path
    """The one of its outputs that is written last."""
    name: str | None = None
    """Of a shard."""


class Remakes:
    """What of a study is to be made again, job by job, as Snakemake comes to them."""

    def __init__(self, study: Study, jobs: Jobs) -> None:
        """Take the study and its jobs as they stand now."""
        self._study = study
        self._jobs = jobs
        self._was_finished = was_finished(study)
        self._is_imported = is_imported(study.folder)
        self._list_of_dataset = cache(self._list_dataset)
        self._list_of_images = cache(self._list_images)
        self._list_of_model = cache(self._list_model)

    def list_of_job(self, job: MeasuringJob) -> Iterator[Path]:
        """Yield what is to be made again of a job, of what it reads and of what is scored.

        Of an imported study it is nothing: what measuring takes is not here.
        """
        if self._is_imported:
            return
        dataset, axes = job.cell.dataset, job.cell.axes
        yield from self._list_of_dataset(dataset)
        yield from self._list_of_images(dataset, axes.stored_size)
        yield from self._list_of_model(axes.model, axes.dtype)
        if job.output.exists():
            noted_key = self._jobs.find_noted_key(job.kind, job.cell, job.name)
            key = get_attempt_key(job.build_params())
            if _is_stale(job.output, key, noted_key):
                yield job.output
            elif job.kind == "cells":
                yield from _select_of_others(self._study.folder.cell(job.cell.key), key)
        if self._was_finished:
            yield from _select_missing(self._list_outputs(job.kind, job.cell))

    def list_derived(self) -> Iterator[Path]:
        """Yield what follows from measurements and is missing, or of which nobody knows the config.

        It is made quickly, and has no keys.
        """
        if not self._was_finished:
            return
        if has_record(self._study.folder.summary):
            yield from _select_missing(list_derived_outputs(self._study))
            return
        folder = self._study.folder
        yield from list_derived_outputs(self._study)
        for cell in self._study.cells:
            yield folder.cell(cell.key).record
            if self._study.has_costs_apart(cell):
                yield folder.cell(cell.key).measurement

    def _list_outputs(self, kind: AttemptKind, cell: Cell) -> Iterator[Path]:
        if kind == "layers":
            return list_layer_outputs(self._study, cell)
        if kind == "control":
            return list_control_outputs(self._study)
        return list_cell_outputs(self._study, cell)

    def _list_dataset(self, dataset: str) -> list[Path]:
        manifest = self._study.folder.dataset(dataset).manifest
        return _select_stale(manifest, self._jobs.build_dataset_key(dataset))

    def _list_images(self, dataset: str, size: str) -> list[Path]:
        manifest = self._study.folder.dataset(dataset).images_manifest(size)
        return _select_stale(manifest, self._jobs.build_images_key(dataset, size))

    def _list_model(self, model: str, dtype: str) -> list[Path]:
        manifest = self._study.folder.model_manifest(model, dtype)
        return _select_stale(manifest, self._jobs.build_model_key(model, dtype))


def has_record(output: Path) -> bool:
    """Say whether Snakemake recorded how an output was made."""
    name = urlsafe_b64encode(str(output).encode()).decode()
    parts = [name[i : i + _MAX_NAME_CHARS] for i in range(0, len(name), _MAX_NAME_CHARS)]
    return _RECORDS.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1]).exists()


def _select_stale(output: Path, job: JobKey) -> list[Path]:
    return [output] if output.exists() and not is_current(output, job) else []


def is_current(output: Path, job: JobKey) -> bool:
    """Say whether an output was made for what its job is now, as far as anybody knows."""
    return not _is_stale(output, job.key, read_job_key(Path(job.note)))


def _select_of_others(cell: CellFolder, key: str) -> Iterator[Path]:
    """Yield what was gathered or scored of another measurement than that of this key."""
    return (path for path in (cell.measurement, cell.record) if read_key(path) not in (None, key))


def _select_missing(outputs: Iterable[Path]) -> Iterator[Path]:
    return (output for output in outputs if not output.exists())


def _is_stale(output: Path, key: str, noted_key: str | None) -> bool:
    if read_key(output) not in (None, key):
        # It was copied from another study, whatever this one noted.
        return True
    if noted_key == key:
        return False
    # Where nothing is noted Snakemake may know; what nobody knows is made again.
    return noted_key is not None or not has_record(output)
