"""The parquet files that scoring reads and writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vlmeter.metrics.base import FloatArray, Statistic
from vlmeter.storage.files import replacing
from vlmeter.storage.parquet import read_columns

if TYPE_CHECKING:
    # Not imported at run time: whoever only reads the tables starts faster without the metrics.
    from vlmeter.metrics.evaluate import Evaluation
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
        ids=tuple(pc.utf8_normalize(ids, form="NFC").to_pylist()),
        values=values.to_numpy(),
        weights=weights.to_numpy(),
        statistic=Statistic(metadata.get(_STATISTIC, b"ratio").decode()),
    )
