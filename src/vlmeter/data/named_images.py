"""Lists the images on disk that a data set's sample names, and no others beside them."""

import os
from pathlib import Path

from vlmeter.data.cells import CellError, take_cell
from vlmeter.data.image_files import read_image
from vlmeter.data.job import DatasetJob
from vlmeter.data.parquet_files import Row
from vlmeter.data.source import draw_sample, open_source, read_draw


def list_named_images(job: DatasetJob) -> list[str]:
    """Return what the rows of the sample name as files of images, relative to the source's folder.

    The files need not exist: one that comes later changes the sample.

    Raises:
        UserError: the source cannot be read.
    """
    folder = job.source.find_path()
    if folder.is_file():
        return []
    files = open_source(job.source)
    columns = sorted(set(job.columns.list_present().values()))
    draw = draw_sample(files, columns, job.sample.n, job.sample.seed)
    rows = read_draw(files, [job.columns.image], draw)
    named = (_name_image(row, job.columns.image, folder) for row in rows)
    return sorted({name for name in named if name is not None})


def _name_image(row: Row, column: str, folder: Path) -> str | None:
    try:
        held = read_image(take_cell(row.values, column))
    except CellError:
        return None
    if not isinstance(held, str):
        return None
    name = os.path.relpath(Path(row.table).parent / held, folder)
    return None if name.startswith(os.pardir) else name
