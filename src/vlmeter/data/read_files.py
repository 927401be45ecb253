"""Lists the images on disk that a data set's sample names, and no others beside them."""

import os
from collections.abc import Mapping
from pathlib import Path

from vlmeter.data.job import DatasetJob
from vlmeter.data.source import draw_sample, open_source, read_draw

_MAX_NAME_CHARS = 4096
"""A longer text is no path on any system, but an image as text."""


def list_named_images(job: DatasetJob) -> list[str]:
    """Return what the rows of the sample name as files of images, relative to the source's folder.

    The files need not exist: one that comes later changes the sample.

    Raises:
        UserError: the source cannot be read.
    """
    folder = Path(str(job.source.path))
    if folder.is_file():
        return []
    files = open_source(job.source)
    columns = sorted(set(job.columns.list_present().values()))
    draw = draw_sample(files, columns, job.sample.n, job.sample.seed)
    rows = read_draw(files, [job.columns.image], draw)
    named = (_name_image(row.values[job.columns.image], row.table, folder) for row in rows)
    return sorted({name for name in named if name is not None})


def _name_image(cell: object, table: str, folder: Path) -> str | None:
    if isinstance(cell, Mapping):
        cell = None if cell.get("bytes") else cell.get("path")
    if not isinstance(cell, str) or not 0 < len(cell.strip()) <= _MAX_NAME_CHARS:
        return None
    name = os.path.relpath(Path(table).parent / cell.strip(), folder)
    return None if name.startswith(os.pardir) else name
