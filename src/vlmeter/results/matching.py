"""Matches the cells of two studies."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vlmeter.axes import AXIS_NAMES
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey

Rows = Mapping[CellKey, SummaryRow]

_SETTING_AXES = tuple(axis for axis in AXIS_NAMES if axis != "model")


@dataclass(frozen=True)
class Pair:
    """A cell of A and the cell of B with the same setting."""

    a: SummaryRow
    b: SummaryRow

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.a.dataset

    @property
    def key(self) -> CellKey:
        """The key of A's cell."""
        return CellKey(self.a.dataset, self.a.cell)

    @property
    def label(self) -> str:
        """The cell's id, or both ids where they differ."""
        a, b = self.a.cell, self.b.cell
        return a if a == b else f"{a} / {b}"


@dataclass(frozen=True)
class Matched:
    """The matched and the other cells of two studies, in the order of A, then of B."""

    pairs: tuple[Pair, ...]
    only_a: tuple[SummaryRow, ...]
    only_b: tuple[SummaryRow, ...]


def match_cells(a: Rows, b: Rows) -> Matched:
    """Match cells by data set and id; match the rest by data set and every axis but the model.

    An id holds the *name* that a config gives to a model. Two studies may name the same model
    differently, or compare two models at the same settings. So cells without a partner are matched
    by their settings, but only where each study has a single such cell with these settings.
    """
    partners = {key: key for key in a if key in b}
    settings_a, settings_b = (
        _index_unique_settings((key, row) for key, row in rows.items() if key not in partners)
        for rows in (a, b)
    )
    partners |= {
        settings_a[setting]: settings_b[setting] for setting in settings_a if setting in settings_b
    }
    matched_b = set(partners.values())
    return Matched(
        pairs=tuple(Pair(row, b[partners[key]]) for key, row in a.items() if key in partners),
        only_a=tuple(row for key, row in a.items() if key not in partners),
        only_b=tuple(row for key, row in b.items() if key not in matched_b),
    )


def _index_unique_settings(
    rows: Iterable[tuple[CellKey, SummaryRow]],
) -> dict[tuple[object, ...], CellKey]:
    """Return the keys of rows by their settings, without settings that occur more than once."""
    keyed = [(_describe_setting(row), key) for key, row in rows]
    counts = Counter(setting for setting, _ in keyed)
    return {setting: key for setting, key in keyed if counts[setting] == 1}


def _describe_setting(row: SummaryRow) -> tuple[object, ...]:
    return row.dataset, *(getattr(row, axis) for axis in _SETTING_AXES)
