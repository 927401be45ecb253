"""Which cells of two studies belong together."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vlmeter.reporting.columns import AXES
from vlmeter.reporting.frames import Row

Rows = Mapping[tuple[str, str], Row]
"""Rows of a summary by data set and cell."""

_WITHOUT_NAMES = tuple(axis for axis in AXES if axis != "model")


@dataclass(frozen=True)
class Pair:
    """A cell of A and the cell of B that stands for the same setting."""

    a: Row
    b: Row

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.a["dataset"])

    @property
    def label(self) -> str:
        """The cell's id; both where they differ."""
        a, b = str(self.a["cell"]), str(self.b["cell"])
        return a if a == b else f"{a} / {b}"


@dataclass(frozen=True)
class Matched:
    """The cells of two studies, in the order of A, then of B."""

    pairs: tuple[Pair, ...]
    only_a: tuple[Row, ...]
    only_b: tuple[Row, ...]


def match_cells(a: Rows, b: Rows) -> Matched:
    """Match cells by data set and id; what is left, by data set and every axis but the model.

    An id holds the *name* that a config gives to a model, so the same model may be called
    otherwise, and two models may be compared at the same settings. The second way is taken only
    where it leaves no choice: one cell of these settings is left on either side.
    """
    partners = {key: key for key in a if key in b}
    settings_a, settings_b = (
        _alone((key, row) for key, row in rows.items() if key not in partners) for rows in (a, b)
    )
    partners |= {
        settings_a[setting]: settings_b[setting] for setting in settings_a if setting in settings_b
    }
    taken = set(partners.values())
    return Matched(
        pairs=tuple(Pair(row, b[partners[key]]) for key, row in a.items() if key in partners),
        only_a=tuple(row for key, row in a.items() if key not in partners),
        only_b=tuple(row for key, row in b.items() if key not in taken),
    )


def _alone(
    left: Iterable[tuple[tuple[str, str], Row]],
) -> dict[tuple[object, ...], tuple[str, str]]:
    """Return the keys of rows by their settings, of those settings that occur once."""
    told = [((row["dataset"], *(row[axis] for axis in _WITHOUT_NAMES)), key) for key, row in left]
    counts = Counter(setting for setting, _ in told)
    return {setting: key for setting, key in told if counts[setting] == 1}
