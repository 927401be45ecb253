"""The parquet files that scoring reads and writes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vlmeter.errors import UserError
from vlmeter.files import replacing
from vlmeter.metrics.base import FloatArray, Statistic

if TYPE_CHECKING:
    # Not imported at run time: whoever only reads the tables starts faster without the metrics.
    from vlmeter.metrics.evaluate import Evaluation

_ROWS = 1024
_STATISTIC = b"statistic"
"""Key in the metadata of a figure's column: how the values form the figure."""


@dataclass(frozen=True, eq=False)
class FigureScores:
    """A figure's value and weight for each sample that was scored."""

    ids: tuple[str, ...]
    values: FloatArray
    weights: FloatArray
    statistic: Statistic

    @cached_property
    def by_id(self) -> dict[str, float]:
        """The value of each sample."""
        return dict(zip(self.ids, self.values.tolist(), strict=True))


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """Read some columns of a parquet file; others, such as images, are not read.

    Raises:
        UserError: the file is missing, cut short or lacks a required column.
    """
    with _explained(path), pq.ParquetFile(path) as file:
        _check_columns(path, file, required)
        names = file.schema_arrow.names
        columns = [*required, *(name for name in optional if name in names)]
        # The tables are small: starting threads would take longer than reading.
        return file.read(columns, use_threads=False)


def stream_rows(path: Path, columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a parquet file in blocks; only a block is in memory at a time.

    Raises:
        UserError: the file is missing, cut short or lacks a column.
    """
    # Arrow would buffer the whole file in advance.
    with _explained(path), pq.ParquetFile(path, pre_buffer=False) as file:
        _check_columns(path, file, columns)
        for batch in file.iter_batches(_ROWS, columns=columns, use_threads=False):
            yield batch.to_pylist()


def _check_columns(path: Path, file: pq.ParquetFile, required: Sequence[str]) -> None:
    missing = [name for name in required if name not in file.schema_arrow.names]
    if missing:
        raise UserError(f"{path} lacks the column {', '.join(missing)}: make it again.")


def read_rows(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read some columns of a parquet file as rows.

    Raises:
        UserError: the file is missing, cut short or lacks a required column.
    """
    rows: list[dict[str, Any]] = read_columns(path, required, optional).to_pylist()
    return rows


def write_scores(path: Path, evaluation: "Evaluation", ids: Sequence[str] | pa.Array) -> None:
    """Write the samples' values and weights; without samples the table has its columns and no row.

    Args:
        path: Path of the table.
        evaluation: The evaluation of the samples' predictions.
        ids: The samples' ids in the order of the evaluation, as texts or an Arrow array.
    """
    fields = [pa.field("id", pa.string())]
    columns = [ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())]
    for column in evaluation.columns:
        metadata = {_STATISTIC: column.statistic.encode()}
        fields.append(pa.field(column.name, pa.float64(), metadata=metadata))
        fields.append(pa.field(f"{column.name}_weight", pa.float64()))
        columns.append(pa.array(column.values, pa.float64(), from_pandas=True))
        columns.append(pa.array(column.weights, pa.float64(), from_pandas=True))
    with replacing(path) as aside:
        pq.write_table(pa.table(columns, schema=pa.schema(fields)), aside)


def read_scores(path: Path, figure: str) -> FigureScores:
    """Read a figure's values and weights, without the samples that were not scored.

    Raises:
        UserError: the file is missing, cut short or has no such figure.
    """
    table = read_columns(path, ["id", figure, f"{figure}_weight"])
    if table.column(figure).null_count:
        table = table.filter(pc.is_valid(table.column(figure)))
    ids, values, weights = table.columns
    metadata = table.schema.field(figure).metadata or {}
    return FigureScores(
        ids=tuple(ids.to_pylist()),
        values=values.to_numpy(),
        weights=weights.to_numpy(),
        statistic=Statistic(metadata.get(_STATISTIC, b"ratio").decode()),
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the rule that makes it again.") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path} cannot be read as parquet ({error}): delete it and run again."
        ) from None
