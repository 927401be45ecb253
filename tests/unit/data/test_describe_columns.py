"""What a table's columns hold is read off its first rows, or off its types where it is far."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vlmeter.data.describe_columns import Kind, describe_columns
from vlmeter.data.job import DataSource
from vlmeter.data.parquet_files import Files
from vlmeter.data.source import open_source
from vlmeter.errors import UserError


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "png")
    return out.getvalue()


ROWS = [
    {
        "picture": {"bytes": png(), "path": None},
        "raw": png(),
        "file": "a/b.JPG",
        "ask": "What?",
        "mixed": 3,
        "options": ["a", "b"],
        "votes": [{"answer": "yes", "sure": True}],
        "shown": True,
        "empty": None,
    }
] * 2


class Far:
    """A file system of the Hub: one file, and a record of what was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    def open(self, _path: str, **_) -> io.BytesIO:
        return io.BytesIO(self.data)


def test_rows_on_disk_say_what_columns_hold(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")

    columns = describe_columns(open_source(DataSource(path=str(tmp_path))))

    assert {column.name: column.kind for column in columns} == {
        "picture": Kind.IMAGE,
        "raw": Kind.IMAGE,
        "file": Kind.IMAGE,
        "ask": Kind.TEXT,
        "mixed": Kind.NUMBER,
        "options": Kind.LIST,
        "votes": Kind.TABLE,
        "shown": Kind.OTHER,
        "empty": Kind.OTHER,
    }
    fields = {column.name: column.fields for column in columns}
    assert fields["votes"] == ("answer", "sure")


def test_types_say_it_where_no_row_is_read() -> None:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)

    columns = describe_columns(Files(Far(out.getvalue()), ("a.parquet",), "a commit"))

    kinds = {column.name: column.kind for column in columns}
    # A name of a file is a text until a row is read.
    assert kinds["file"] is Kind.TEXT
    assert [kinds[name] for name in ("picture", "raw", "options", "votes", "mixed", "shown")] == [
        *(Kind.IMAGE, Kind.IMAGE, Kind.LIST, Kind.TABLE, Kind.NUMBER, Kind.OTHER)
    ]
    assert all(column.values == () for column in columns)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_of_text_says_the_same(tmp_path: Path, form: str) -> None:
    rows = [
        {"photo": "a.png", "ask": "Which?", "answers": "a cup", "options": '["x", "y"]'},
        {"photo": "b.webp", "ask": "What?", "answers": '["blue", "red"]', "options": '["z"]'},
    ]
    if form == "csv":
        quoted = [['"' + cell.replace('"', '""') + '"' for cell in row.values()] for row in rows]
        text = "\n".join(map(",".join, [list(rows[0]), *quoted]))
    else:
        text = "\n".join(map(json.dumps, rows))
    (tmp_path / f"labels.{form}").write_text(text, encoding="utf-8")

    columns = describe_columns(open_source(DataSource(path=str(tmp_path))))

    assert [column.kind for column in columns] == [Kind.IMAGE, Kind.TEXT, Kind.LIST, Kind.LIST]


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    schema = pa.schema({"image": pa.binary()})
    with pq.ParquetWriter(tmp_path / "a.parquet", schema):
        pass

    with pytest.raises(UserError, match="has no rows: give a table that has some"):
        describe_columns(open_source(DataSource(path=str(tmp_path))))
