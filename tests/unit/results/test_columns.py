from dataclasses import dataclass, fields

import pytest
from row_factory import make_row

from vlmeter.axes import AXES
from vlmeter.results.columns import Column, column, get_number, list_columns, restore_row
from vlmeter.results.difference_row import DIFFERENCE_COLUMNS
from vlmeter.results.layer_row import LAYER_COLUMNS
from vlmeter.results.summary_row import SUMMARY_COLUMNS, SummaryRow


@dataclass(frozen=True)
class Row:
    name: str = column("", "A name.")
    seconds: float | None = column("s", "A time.")
    count: int = column("", "A count.")
    ready: bool | None = column("", "A flag.")


def test_a_column_is_a_field_and_its_kind_follows_from_the_type():
    assert list_columns(Row) == (
        Column("name", "text", "", "A name."),
        Column("seconds", "number", "s", "A time."),
        Column("count", "integer", "", "A count."),
        Column("ready", "flag", "", "A flag."),
    )
    assert [column.name for column in SUMMARY_COLUMNS] == [it.name for it in fields(SummaryRow)]


def test_every_axis_is_a_column_as_its_table_describes_it():
    by_name = {column.name: column for column in SUMMARY_COLUMNS}
    for axis in AXES:
        kind = "integer" if axis.is_number else "text"
        assert by_name[axis.name] == Column(axis.name, kind, axis.unit, axis.description)


def test_every_column_is_described_and_stands_once():
    for columns in (SUMMARY_COLUMNS, LAYER_COLUMNS, DIFFERENCE_COLUMNS):
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.description.endswith(".") for column in columns)


def test_a_unit_and_the_end_of_a_name_say_the_same():
    ends = {"_j": "J", "_s": "s", "_ms": "ms", "_w": "W", "_bytes": "B", "_g": "g", "_mhz": "MHz"}
    bare = {"latency": "s", "energy": "J"}  # the source's own keys
    rates = {"_per_s": "/s", "_per_kwh": "/kWh", "_per_j": "/J"}
    for described in (*SUMMARY_COLUMNS, *LAYER_COLUMNS, *DIFFERENCE_COLUMNS):
        assert isinstance(described.unit, str), described
        name = described.name.removesuffix("_start").removesuffix("_end")
        rate = next((unit for end, unit in rates.items() if name.endswith(end)), None)
        if rate is not None:
            assert described.unit.endswith(rate), described
            continue
        unit = next((unit for end, unit in ends.items() if name.endswith(end)), "")
        unit = bare.get(name, unit)
        if unit or described.unit in ends.values():
            assert described.unit == unit, described


def test_a_number_is_read_by_its_columns_name():
    row = make_row(latency=1.5, batch_size=2, disturbed=True)
    assert get_number(row, "latency") == 1.5
    assert get_number(row, "batch_size") == 2
    assert get_number(row, "energy") is None
    for name in ("status", "disturbed"):
        with pytest.raises(TypeError, match=name):
            get_number(row, name)
    with pytest.raises(AttributeError):
        get_number(row, "no_column")


def test_a_column_without_a_value_cannot_be_read():
    row = restore_row(Row, {"name": "a", "seconds": None})
    assert (row.name, row.seconds) == ("a", None)
    with pytest.raises(AttributeError, match="count"):
        _ = row.count
