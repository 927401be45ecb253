"""The quality pass: answers under natural decoding, of a cell or of one of its shards."""

from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from vlmeter.cell.job import CellInputs, CellSetup
from vlmeter.cell.worker.open_cell import open_cell
from vlmeter.data.samples import PREDICTIONS
from vlmeter.models.batches import Feeder
from vlmeter.models.generate import generate_answers
from vlmeter.models.load import LoadedModel
from vlmeter.models.samples import Items
from vlmeter.storage.parquet import count_rows, write_table


def write_predictions(
    path: Path, loaded: LoadedModel, feeder: Feeder, items: Items | None, cell: CellSetup
) -> None:
    """Write the answers to these samples, as they come.

    Without samples, and where the model's answers mean nothing, the table is empty.
    """
    if items is None or not loaded.answers_mean_something:
        write_table(path, [], PREDICTIONS)
        return
    predictions = generate_answers(
        loaded,
        feeder,
        items.read(),
        cell.axes.batch_size,
        cell.decoding,
        ranked=cell.task == "multiple_choice",
    )
    with closing(predictions):
        rows = tqdm(predictions, total=len(items), desc="answers", unit="sample")
        write_table(path, (row._asdict() for row in rows), PREDICTIONS)


def answer_samples(
    cell: CellSetup, inputs: CellInputs, path: Path, start: int, stop: int
) -> tuple[int, int]:
    """Write the answers to a cell's samples from `start` up to `stop`.

    Returns:
        How many are answered, and how many are left out.

    Raises:
        UnavailableError: torch cannot use the device.
        UnsupportedError: the software refuses the setting.
    """
    opened = open_cell(cell, inputs)
    items = opened.items(start, stop)
    write_predictions(path, opened.loaded, opened.feeder, items, cell)
    return count_rows(path), len(items.left_out)
