"""Formats of other packages stand beside ours, and are refused where they cannot be used."""

from pathlib import Path

import pytest

from vlmeter.data import formats
from vlmeter.data.describe_columns import describe_columns
from vlmeter.data.formats import Format, read_other_rows
from vlmeter.data.job import Columns, DataSource
from vlmeter.data.source import check_source, draw_sample, open_source, read_draw
from vlmeter.errors import UserError

ROWS = [{"picture": b"pixels", "ask": f"What is {number}?", "truth": ["a"]} for number in range(9)]


@pytest.fixture
def add_format(monkeypatch):
    """Let another package read the files that end in `.jsonl`, by what it is given."""

    def add(read_rows):
        # An ending that is looked for already: modules hold tuples of them all.
        monkeypatch.setitem(formats.FORMATS, ".jsonl", Format(read_rows))

    return add


def write(folder: Path) -> Path:
    file = folder / "data.jsonl"
    file.write_text("", encoding="utf-8")
    return file


def test_rows_are_drawn_as_those_of_any_table(tmp_path, add_format):
    add_format(lambda _: iter(ROWS))
    write(tmp_path)
    files = open_source(DataSource(path=str(tmp_path)))

    draw = draw_sample(files, ["ask", "picture"], 4, 0)
    drawn = list(read_draw(files, ["ask", "picture"], draw))

    assert len(drawn) == 4
    assert [row.values["ask"] for row in drawn] == [ROWS[row.number]["ask"] for row in drawn]
    assert all(row.values["picture"] == b"pixels" for row in drawn)


def test_its_columns_are_described_and_checked(tmp_path, add_format):
    add_format(lambda _: iter(ROWS))
    source = DataSource(path=str(write(tmp_path).parent))

    described = describe_columns(open_source(source))

    assert [column.name for column in described] == ["picture", "ask", "truth"]
    check_source(source, Columns(image="picture", question="ask", references="truth"))
    with pytest.raises(UserError, match=r"data\.jsonl.*question"):
        check_source(source, Columns(image="picture", question="question"))


def fail(_path):
    yield ROWS[0]
    raise ValueError("line 2 is torn")


@pytest.mark.parametrize(
    ("read_rows", "words"),
    [
        (fail, r"by the package that reads \.jsonl \(line 2 is torn\): mend the file"),
        (lambda _: ["text"], "a row is str, not a table of columns"),
        (lambda _: None, "by the package that reads"),
    ],
)
def test_a_file_that_the_package_cannot_read_is_named(tmp_path, add_format, read_rows, words):
    add_format(read_rows)
    file = write(tmp_path)
    with pytest.raises(UserError, match=words) as refused:
        list(read_other_rows(file))
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([{"spool": Format(fail)}], 'end in "spool": an ending is a point'),
        ([{".SPOOL": Format(fail)}], 'end in ".SPOOL": an ending is a point'),
        ([{".csv": Format(fail)}], r"end in \.csv, which are read already"),
        ([{".spool": Format(fail)}, {".spool": Format(fail)}], r"\.spool, which are read already"),
    ],
)
def test_an_ending_that_cannot_be_or_is_taken_is_refused(tables, words):
    with pytest.raises(UserError, match=words):
        formats._add(tables)
