"""Finds cells that run the same computation, so that they differ by noise alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vlmeter.record import Status
from vlmeter.repeats import SAME_COMPUTATION
from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import say

_SAME = ("shape_digest", *SAME_COMPUTATION)


@dataclass(frozen=True)
class Group:
    """Cells whose computation is the same for the model and the device, at least in its cost."""

    mark: str
    """A letter, distinct within a table."""
    words: str
    cells: tuple[tuple[str, str], ...]
    """Data set and id of each."""
    latency_spread: float | None
    """Largest over smallest latency, less 1: the effect of noise alone."""


def identical_groups(rows: Iterable[Row]) -> list[Group]:
    """Return the groups of two or more cells that run the same computation.

    The digests are those of the cost batches. Equal `shape_digest` means equal token ids, masks
    and shapes; equal `content_digest` means equal pixels too.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row["status"] == Status.OK and row["shape_digest"]:
            groups.setdefault(tuple(row[key] for key in _SAME), []).append(row)
    distinct = [_distinct(group) for group in groups.values()]
    return [
        Group(
            mark=_letter(index),
            words=_words(group),
            cells=tuple((row["dataset"], row["cell"]) for row in group),
            latency_spread=_spread([row["latency"] for row in group]),
        )
        for index, group in enumerate(group for group in distinct if len(group) > 1)
    ]


def _distinct(rows: Sequence[Row]) -> list[Row]:
    return list({(row["dataset"], row["cell"]): row for row in rows}.values())


def _words(rows: Sequence[Row]) -> str:
    contents = {row["content_digest"] for row in rows}
    if len(contents) == 1 and None not in contents:
        return say("identical.input")
    if len({row["image_size"] for row in rows}) > 1:
        return say("identical.resized")
    return say("identical.shapes")


def _spread(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value]
    return max(given) / min(given) - 1 if len(given) > 1 else None


def _letter(index: int) -> str:
    letter = chr(ord("A") + index % 26)
    return letter if index < 26 else f"{letter}{index // 26}"
