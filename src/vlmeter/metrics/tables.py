"""The parquet files that scoring reads and writes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError
from vlmeter.files import replacing
from vlmeter.metrics.base import Statistic

if TYPE_CHECKING:
    # At run time the tables need no metric: who only reads them starts faster.
    from vlmeter.metrics.evaluate import Evaluation

_STATISTIC = b"statistic"
"""Metadata of a figure's column: how its values become the figure."""


class FigureScores(NamedTuple):
    """A figure's value and weight for each sample that was scored."""

    by_id: dict[str, tuple[float, float]]
    statistic: Statistic


def read_rows(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read some columns of a parquet file; others, such as images, are never touched.

    Raises:
        UserError: the file is missing, cut short or lacks a required column.
    """
    with _explained(path):
        names = pq.read_schema(path).names
        missing = [name for name in required if name not in names]
        if missing:
            raise UserError(f"{path} lacks the column {', '.join(missing)}: make it again.")
        columns = [*required, *(name for name in optional if name in names)]
        rows: list[dict[str, Any]] = pq.read_table(path, columns=columns).to_pylist()
    return rows


def write_scores(path: Path, evaluation: "Evaluation", ids: Sequence[str]) -> None:
    """Write per-sample values and weights; without samples an empty table with its columns."""
    fields = [pa.field("id", pa.string())]
    columns = [pa.array(ids, pa.string())]
    for column in evaluation.columns:
        metadata = {_STATISTIC: column.statistic.encode()}
        fields.append(pa.field(column.name, pa.float64(), metadata=metadata))
        fields.append(pa.field(f"{column.name}_weight", pa.float64()))
        columns.append(pa.array(column.values, pa.float64()))
        columns.append(pa.array(column.weights, pa.float64()))
    with replacing(path) as aside:
        pq.write_table(pa.table(columns, schema=pa.schema(fields)), aside)


def read_scores(path: Path, figure: str) -> FigureScores:
    """Read a figure's per-sample values and weights.

    Raises:
        UserError: the file is missing, cut short or has no such figure.
    """
    rows = read_rows(path, ["id", figure, f"{figure}_weight"])
    with _explained(path):
        metadata = pq.read_schema(path).field(figure).metadata or {}
    by_id = {
        row["id"]: (row[figure], row[f"{figure}_weight"]) for row in rows if row[figure] is not None
    }
    return FigureScores(by_id, Statistic(metadata.get(_STATISTIC, b"ratio").decode()))


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
