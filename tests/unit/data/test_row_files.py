"""Rows that a program writes as CSV or JSONL are read unchanged."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.data.job import Columns, DataSource
from vlmeter.data.row_files import describe_row_table, read_row_table
from vlmeter.data.source import check_source
from vlmeter.errors import UserError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
awkward = st.text('",;\t\n\r |[]\ufeff\u2028é', max_size=8)


def read(path):
    columns, count = describe_row_table(path)
    rows = list(read_row_table(path, columns))
    assert len(rows) == count
    return columns, rows


# Names are read in the composed form of Unicode, whichever a file has (`test_texts.py`).
names = texts.map(lambda text: unicodedata.normalize("NFC", text))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.mark.parametrize(("name", "separator"), [("t.csv", ","), ("t.csv", ";"), ("t.tsv", "\t")])
@given(rows=st.lists(st.tuples(texts | awkward, texts | awkward), max_size=5))
@settings(max_examples=40)
def test_cells_of_a_csv_are_read_as_they_were_written(folder, name, separator, rows):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows([("first", "second"), *rows])
    (folder / name).write_bytes(out.getvalue().encode())
    columns, rows_read = read(folder / name)
    assert columns == ["first", "second"]
    not_empty = [row for row in rows if any(cell.strip() for cell in row)]
    assert [(row["first"], row["second"]) for row in rows_read] == not_empty


@given(rows=st.lists(st.dictionaries(names, texts | st.lists(texts, max_size=2) | st.none(),
                                     max_size=3), max_size=4))  # fmt: skip
@settings(max_examples=40)
@pytest.mark.parametrize("escaped", [True, False])
def test_rows_of_a_jsonl_are_read_as_they_were_written(folder, rows, escaped):
    lines = (json.dumps(row, ensure_ascii=escaped) + "\n" for row in rows)
    (folder / "t.jsonl").write_bytes("".join(lines).encode())
    columns, rows_read = read(folder / "t.jsonl")
    assert set(columns) == {name for row in rows for name in row}
    assert rows_read == [{name: row.get(name) for name in columns} for row in rows]


SEPARATED = {
    "a comma in a quoted name": ('image;ask;"width, height"', "a.png;q;1", 3),
    "commas in plain names": ("image;width, height, depth;ask", "a.png;1, 2;q", 3),
    "semicolons in plain cells": ("image,ask", "a.png,this; that; or?", 2),
    "tabs": ("image\task", "a.png\tthis, or that; or?", 2),
    "bars": ("image|ask|right", "a.png|this, or that|1", 3),
    "Excel's line": ("sep=;\nimage;ask,right", "a.png;q,1", 2),
    "Excel's line in quotes": ('"sep=|"\nimage|ask', "a.png|q", 2),
    "a column alone": ("image", "a.png", 1),
}


@pytest.mark.parametrize("name", SEPARATED)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_is_cut_by_what_cuts_all_its_lines(tmp_path, name, end):
    header, line, width = SEPARATED[name]
    path = tmp_path / "t.csv"
    path.write_bytes(end.join([*header.split("\n"), line, line, ""]).encode())
    columns, rows = read(path)
    assert len(columns) == width
    assert columns[0] == "image"
    assert [row["image"] for row in rows] == ["a.png"] * 2


def test_a_tsv_may_hold_any_other_separator(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("image\ta,b,c;d\na.png\t1,2,3;4\n")
    assert read(path)[0] == ["image", "a,b,c;d"]


@pytest.mark.parametrize(
    ("separator", "word"), [(",", "commas"), (";", "semicolons"), ("|", "bars"), ("\t", "tabs")]
)
def test_a_line_of_another_width_is_refused_with_the_separator_that_was_taken(
    tmp_path, separator, word
):
    path = tmp_path / "t.csv"
    path.write_text(separator.join(["image", "ask"]) + "\n" + separator.join(["a", "b", "c"]))
    with pytest.raises(UserError, match=rf"line 2 has 3 cells, the header 2, separated by {word};"):
        read(path)


def write_wide(folder, form, width):
    """A table with one row and this many columns, of which the last are the ones that are read."""
    names = [f"c{place}" for place in range(width - 2)] + ["image", "answer"]
    path = folder / f"wide.{form}"
    if form == "parquet":
        pq.write_table(pa.table({name: ["a"] for name in names}), path)
    elif form == "jsonl":
        path.write_text(json.dumps(dict.fromkeys(names, "a")))
    else:
        path.write_text(",".join(names) + "\n" + ",".join(["a"] * width) + "\n")
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_table_of_many_columns_is_read(tmp_path, form):
    """Work that grows with the square of the columns would take minutes here."""
    write_wide(tmp_path, form, 40_000)
    source = DataSource(path=str(tmp_path), table=f"wide.{form}")
    check_source(source, Columns("image", "answer"))
    with pytest.raises(UserError, match=r"c0, c1, .* and 39988 more") as raised:
        check_source(source, Columns("image", "reply"))
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_of_a_million_columns_is_refused(tmp_path, form):
    write_wide(tmp_path, form, 1_000_000)
    source = DataSource(path=str(tmp_path), table=f"wide.{form}")
    with pytest.raises(UserError, match="has 1000000 columns, more than 100000"):
        check_source(source, Columns("image", "answer"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_name_that_stands_twice_among_many_is_refused(tmp_path, form):
    names = [*(f"c{place}" for place in range(50_000)), "c7" + "x" * 400, "c7" + "x" * 400]
    path = tmp_path / f"t.{form}"
    objects = ", ".join(f'"{name}": 1' for name in names)
    path.write_text(",".join(names) if form == "csv" else f"{{{objects}}}")
    with pytest.raises(UserError, match='"c7x') as raised:
        read(path)
    assert len(str(raised.value)) - len(str(path)) < 300
