"""Rows that a program writes as CSV or JSONL are read unchanged."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.data.text_files import describe_text_table, read_text_table

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
awkward = st.text('",;\t\n\r |[]\ufeff\u2028é', max_size=8)


def read(path):
    columns, count = describe_text_table(path)
    rows = list(read_text_table(path, columns))
    assert len(rows) == count
    return columns, rows


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


@given(rows=st.lists(st.dictionaries(texts, texts | st.lists(texts, max_size=2) | st.none(),
                                     max_size=3), max_size=4))  # fmt: skip
@settings(max_examples=40)
@pytest.mark.parametrize("escaped", [True, False])
def test_rows_of_a_jsonl_are_read_as_they_were_written(folder, rows, escaped):
    lines = (json.dumps(row, ensure_ascii=escaped) + "\n" for row in rows)
    (folder / "t.jsonl").write_bytes("".join(lines).encode())
    columns, rows_read = read(folder / "t.jsonl")
    assert set(columns) == {name for row in rows for name in row}
    assert rows_read == [{name: row.get(name) for name in columns} for row in rows]
