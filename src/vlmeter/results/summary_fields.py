"""Fields of a row of the summary: a column, and what it shows of a cell's record."""

from collections.abc import Callable
from typing import Generic, TypeVar

from vlmeter.cell.measurement import Figures
from vlmeter.results.columns import column
from vlmeter.results.record import Record

_Value = TypeVar("_Value")
_Part = TypeVar("_Part")

READ = "read"
"""The key of a field's metadata below which the function lies that reads it from a record."""


def record_column(unit: str, description: str, read: Callable[[Record], _Value]) -> _Value:
    """Return a field that is read from a record; its annotation gives the column's kind.

    Args:
        unit: Empty for texts, counts and rates.
        description: A sentence.
        read: Returns the column's value.
    """
    value: _Value = column(unit, description, **{READ: read})
    return value


class Block(Generic[_Part]):
    """A block of a record; its columns are empty where a cell has no such block."""

    def __init__(self, get: Callable[[Record], _Part | None]) -> None:
        """Take what returns the block of a record."""
        self._get = get

    def column(self, unit: str, description: str, read: Callable[[_Part], _Value]) -> _Value | None:
        """Return a field that is read from the block; as `record_column`."""
        get = self._get

        def read_block(record: Record) -> _Value | None:
            part = get(record)
            return None if part is None else read(part)

        return record_column(unit, description, read_block)


def cost_block(get: Callable[[Figures], _Part | None]) -> Block[_Part]:
    """Return a block of what was measured; it is missing where the cell did not end well."""
    return Block(lambda record: None if record.figures is None else get(record.figures))


def keep(block: object, kind: type[_Part]) -> _Part | None:
    """Return a block that is there; None for what stands for a missing one."""
    return block if isinstance(block, kind) else None
