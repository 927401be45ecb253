"""The tables in which samples, images and predictions are kept between jobs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError
from vlmeter.files import replacing

SAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("image", pa.binary()),
        # The image's file, where the data set names one.
        ("file", pa.string()),
        ("question", pa.string()),
        ("context", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer_index", pa.int64()),
        ("references", pa.list_(pa.string())),
    ]
)
IMAGES = pa.schema([("id", pa.string()), ("image", pa.binary())])
PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("prediction", pa.string()),
        ("prompt", pa.string()),
        ("text_tokens", pa.int64()),
        ("generated_tokens", pa.int64()),
        ("truncated", pa.bool_()),
        # Of a multiple choice: how likely the model finds each option.
        ("option_scores", pa.list_(pa.float64())),
    ]
)
TIMINGS = pa.schema(
    [
        ("kind", pa.string()),
        ("round", pa.int64()),
        ("iteration", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Text:
    """What a sample says in words."""

    id: str
    question: str
    context: str
    choices: tuple[str, ...]


def write_table(path: Path, rows: Sequence[dict[str, object]], schema: pa.Schema) -> None:
    """Write `rows` as parquet, atomically; an empty list gives an empty table with its columns."""
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with replacing(path) as aside:
        pq.write_table(table, aside, compression="zstd")


def read_table(path: Path, columns: Sequence[str] | None = None) -> list[dict[str, object]]:
    """Read a parquet table as a list of rows.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        table = pq.read_table(path, columns=None if columns is None else list(columns))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: delete its manifest and run again.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it and run again.") from None
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def read_texts(path: Path) -> dict[str, Text]:
    """Return the texts of a `samples.parquet` by id, without reading its images."""
    rows = read_table(path, ["id", "question", "context", "choices"])
    return {
        str(row["id"]): Text(
            id=str(row["id"]),
            question=str(row["question"] or ""),
            context=str(row["context"] or ""),
            choices=tuple(row["choices"] or ()),  # type: ignore[arg-type]
        )
        for row in rows
    }


def read_images(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (id, encoded image) of an `images.parquet` or `samples.parquet`, in its order."""
    for row in read_table(path, ["id", "image"]):
        yield str(row["id"]), row["image"]  # type: ignore[misc]
