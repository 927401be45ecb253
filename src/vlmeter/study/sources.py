"""Checks the sources on this disk, and digests what they hold.

Done when the workflow is read, so that a mistake ends it before any job starts and an edited file
is noticed. Uses no network.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from vlmeter.data.job import DatasetJob
from vlmeter.data.local_files import find_tables
from vlmeter.errors import UserError
from vlmeter.machine import devices
from vlmeter.models.job import ModelJob
from vlmeter.models.weight_files import list_read_files
from vlmeter.storage.files import json_digest
from vlmeter.storage.texts import find_path, list_names
from vlmeter.study.content import ContentDigests
from vlmeter.study.study import Study


class SourceDigests:
    """What the local sources of a study hold, as far as it is read.

    Files beside them do not count: no note in a data set's folder measures anything again.
    """

    def __init__(self, store: Path) -> None:
        """Read what earlier runs kept of the files' digests in `store`."""
        self._digests = ContentDigests(store)

    def digest_dataset(self, job: DatasetJob) -> str | None:
        """Return a digest of a data set's tables and of the images that its sample names.

        None where the source is not there.
        """
        with suppress(UserError, OSError):
            folder = job.source.find_path()
            return self._digests.digest(
                self._list_dataset_files(job), folder.parent if folder.is_file() else folder
            )
        return None

    def digest_model(self, job: ModelJob) -> str | None:
        """Return a digest of the files of a model that are read; None where it is not there."""
        with suppress(UserError, OSError):
            folder = job.source.find_path()
            files = list_read_files(job.source, is_random=job.weights == "random")
            return self._digests.digest(files, folder)
        return None

    def list_unread(self, study: Study) -> list[Path]:
        """Return the local files of a study that were never read whole: they will be, once."""
        files: dict[Path, None] = {}
        for name in study.used_datasets:
            job = study.dataset_job(name)
            if job.source.path is not None:
                with suppress(UserError, OSError):
                    files |= dict.fromkeys(self._list_dataset_files(job))
        for model, dtype in study.stored_models:
            stored = study.model_job(model, dtype)
            if stored.source.path is not None:
                with suppress(UserError, OSError):
                    files |= dict.fromkeys(
                        list_read_files(stored.source, is_random=stored.weights == "random")
                    )
        return self._digests.list_unread(files)

    def save(self) -> None:
        """Keep the digests for the next run."""
        self._digests.save()

    def _list_dataset_files(self, job: DatasetJob) -> list[Path]:
        folder = job.source.find_path()
        tables = find_tables(folder, job.source.table)
        if folder.is_file():
            return tables
        # Of the job, what decides which rows are drawn and what is read of them.
        read = (job.columns.image, asdict(job.sample), self._digests.digest(tables, folder))
        key = json_digest(read)
        names = self._digests.find_names(key)
        if names is None:
            # Arrow takes a third of a second.
            from vlmeter.data.named_images import list_named_images  # noqa: PLC0415

            try:
                names = list_named_images(job)
            except UserError:
                # The job that reads the tables says what is wrong with them.
                return tables
            self._digests.keep_names(key, names)
        return [*tables, *_select_present(folder, names)]


def _select_present(folder: Path, names: list[str]) -> Iterator[Path]:
    list_once = cache(list_names)
    for name in names:
        # A name can be too long, hold a null or be that of several files.
        with suppress(OSError, ValueError, UserError):
            file = find_path(folder / name, list_once)
            if file.is_file():
                yield file


def check_sources(study: Study, file: str) -> None:
    """Check that the local sources which no job has read yet exist and have their columns.

    Args:
        study: The study.
        file: Its config file, which the messages name.

    Raises:
        UserError: one sentence per mistake, each with the file and the key.
    """
    problems = [*_find_dataset_problems(study), *_find_model_problems(study)]
    if problems:
        raise UserError("\n".join(f"{file}: {problem}" for problem in problems))


def _find_dataset_problems(study: Study) -> Iterator[str]:
    for name in study.used_datasets:
        job = study.dataset_job(name)
        if job.source.path is None or study.folder.dataset(name).manifest.exists():
            continue
        # Arrow takes a third of a second, and a study that has its data needs none here.
        from vlmeter.data.source import check_source  # noqa: PLC0415

        try:
            check_source(job.source, job.columns)
        except UserError as error:
            yield f"datasets.{name}: {error}"


def _find_model_problems(study: Study) -> Iterator[str]:
    cells = (*study.cells, *study.layer_cells)
    stored = {
        (cell.axes.model, cell.axes.dtype)
        for cell in cells
        if devices.is_present(cell.axes.device, study.gpus(cell))
    }
    missing = {
        model for model, dtype in stored if not study.folder.model_manifest(model, dtype).exists()
    }
    for name in sorted(missing):
        path = study.config.models[name].source.path
        if path is not None and not (find_path(Path(path)) / "config.json").is_file():
            yield f"models.{name}.source.path: {path} is no folder with a config.json."
