"""Lists what of a study was not measured, by reason, for the report's first screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_setting
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status

_REASONS = 6
"""Most reasons for missing measurements on the first screen."""


@dataclass(frozen=True)
class Missing:
    """Cells without a measurement that share a status and a reason."""

    count: int
    status: str
    reason: str
    example: str


@dataclass(frozen=True)
class AllMissing:
    """What was not measured."""

    shown: tuple[Missing, ...]
    more: int
    """Number of cells with a reason that is not listed."""


def list_missing(outline: Outline, rows: Sequence[SummaryRow]) -> AllMissing:
    """Return the cells without a measurement by reason, the first reasons apart.

    Args:
        outline: The study's outline.
        rows: The rows of `summary.csv`.
    """
    missing = list(_group_missing(outline, rows))
    more = sum(entry.count for entry in missing[_REASONS:])
    return AllMissing(tuple(missing[:_REASONS]), more)


def _group_missing(outline: Outline, rows: Sequence[SummaryRow]) -> Iterator[Missing]:
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        if row.status != Status.OK:
            groups.setdefault((row.status, row.reason or ""), []).append(row)
    for (status, reason), lost in groups.items():
        yield Missing(
            count=len(lost),
            status=status,
            reason=translate(reason) if reason else say("section.no_reason"),
            example=f"{outline.datasets[lost[0].dataset].label}: "
            f"{format_setting(lost[0], outline.base)}",
        )
