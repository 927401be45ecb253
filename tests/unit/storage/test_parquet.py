"""Tables are written and read in groups of rows; a table is written whole or not at all."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vlmeter.data.samples import IMAGES, SAMPLES, StoredSamples
from vlmeter.errors import UserError
from vlmeter.storage.parquet import (
    count_rows,
    read_columns,
    read_table,
    stream_table,
    write_table,
)

NUMBERS = pa.schema([("n", pa.int64()), ("text", pa.string())])


def make_rows(count):
    return ({"n": number, "text": f"row {number}"} for number in range(count))


@pytest.fixture
def table(tmp_path):
    """2,500 rows in three groups."""
    path = tmp_path / "numbers.parquet"
    write_table(path, make_rows(2500), NUMBERS)
    assert pq.ParquetFile(path).num_row_groups == 3
    return path


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, None),
        (0, 0),
        (0, 1),
        (1000, 1100),
        (1023, 1025),
        (1024, 2048),
        (2499, None),
        (9999, None),
    ],
)
def test_any_range_of_rows_can_be_read(table, start, stop):
    values = [row["n"] for row in stream_table(table, ["n"], start, stop)]
    assert values == list(range(2500))[start:stop]
    assert count_rows(table) == 2500


def test_large_rows_make_small_groups(tmp_path):
    path = tmp_path / "images.parquet"
    write_table(path, ({"id": str(n), "image": bytes(3 << 20)} for n in range(12)), IMAGES)
    file = pq.ParquetFile(path).metadata
    assert [file.row_group(n).num_rows for n in range(file.num_row_groups)] == [6, 6]


def test_the_same_rows_give_the_same_file_however_they_are_read(table, tmp_path):
    def read_in_parts():
        for start in range(0, 2500, 700):
            yield from stream_table(table, None, start, start + 700)

    write_table(tmp_path / "again.parquet", read_in_parts(), NUMBERS)
    assert (tmp_path / "again.parquet").read_bytes() == table.read_bytes()


def test_a_table_without_rows_has_its_columns(tmp_path):
    write_table(tmp_path / "none.parquet", [], NUMBERS)
    assert pq.read_table(tmp_path / "none.parquet").schema.names == ["n", "text"]
    assert read_table(tmp_path / "none.parquet") == []


def test_an_error_among_the_rows_leaves_the_file_as_it_was(table):
    def fail_midway():
        yield from make_rows(2000)
        raise RuntimeError("the end of the world")

    before = table.read_bytes()
    with pytest.raises(RuntimeError, match="end of the world"):
        write_table(table, fail_midway(), NUMBERS)
    assert table.read_bytes() == before
    assert list(table.parent.iterdir()) == [table]


@pytest.fixture
def pictured(tmp_path):
    """Five samples, of which two have no image."""
    stored = StoredSamples(tmp_path / "samples.parquet", tmp_path / "img8/images.parquet")
    rows = [{"id": f"s{n}", "question": f"q{n}", "image": b"original"} for n in range(5)]
    write_table(stored.samples, rows, SAMPLES)
    images = [{"id": f"s{n}", "image": bytes([n])} for n in (0, 2, 4)]
    write_table(stored.images, images, IMAGES)
    return stored


def test_each_image_is_read_with_the_texts_of_its_sample(pictured):
    assert len(pictured) == 3
    assert [text.question for text in pictured.read_texts(0, 3)] == ["q0", "q2", "q4"]
    assert [(text.id, image) for text, image in pictured.read(1, 3)] == [
        ("s2", b"\x02"),
        ("s4", b"\x04"),
    ]


def test_an_image_without_a_sample_is_refused(pictured):
    write_table(pictured.images, [{"id": "other", "image": b"x"}], IMAGES)
    with pytest.raises(UserError, match=r"has no sample other, of which .* has the image"):
        list(pictured.read(0, 1))


def test_columns_that_are_optional_are_read_where_the_table_has_them(table):
    assert read_columns(table, ["n"], ["text", "other"]).column_names == ["n", "text"]
    assert read_table(table, ["n"], ["other"])[:2] == [{"n": 0}, {"n": 1}]


@pytest.mark.parametrize(
    "read",
    [
        lambda path: list(stream_table(path, ["n"])),
        lambda path: read_columns(path, ["n"]),
        lambda path: read_table(path, ["n"]),
        count_rows,
    ],
)
def test_a_missing_or_damaged_table_is_named_with_what_to_do(tmp_path, read):
    path = tmp_path / "a.parquet"
    with pytest.raises(UserError, match=r"a\.parquet is missing: run the rule that makes it again"):
        read(path)
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match=r"a\.parquet cannot be read as parquet \(.*\): delete it"):
        read(path)


@pytest.mark.parametrize("read", [read_columns, read_table, lambda *of: list(stream_table(*of))])
def test_a_column_that_a_table_lacks_is_named(table, read):
    with pytest.raises(
        UserError, match=r"numbers\.parquet lacks the column a: delete it and run again"
    ):
        read(table, ["n", "a", "b"])
