"""Says in a terminal which setting to deploy: at the end of a run, and for other limits later."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from vlmeter.decision.decide_study import decide
from vlmeter.decision.export_study import read_decided
from vlmeter.errors import UserError
from vlmeter.reporting.first_screen import describe_verdict, list_chips
from vlmeter.reporting.goals import build_goals
from vlmeter.results.exported import read_exported
from vlmeter.results.limits import Limits
from vlmeter.storage.layout import StudyFolder


def describe_decisions(folder: Path, changed: Limits | None = None) -> str:
    """Return the verdict on a finished study, and its best settings by goal, as text.

    Args:
        folder: Its results.
        changed: Limits in place of those of the config; those that are None stay as they were.

    Raises:
        UserError: there is no finished study, or one of another version.
    """
    study = read_exported(folder)
    decided = read_decided(folder)
    if changed is not None:
        given = {name: bound for name, bound in asdict(changed).items() if bound is not None}
        decided = tuple(
            decide(entry.contest, Limits(**{**asdict(entry.limits), **given})) for entry in decided
        )
    chips = list_chips(list(study.rows.values()), study.repeats)
    lines = [
        describe_verdict(study.outline, study.rows, decided),
        "; ".join(chip.text for chip in chips),
    ]
    goals = build_goals(study.outline, study.rows, decided)
    for row in goals.rows:
        lines += ["", row.title]
        table = [
            [heading, cell.setting, "; ".join(cell.values), "; ".join(cell.notes)]
            for (_, heading), cell in zip(goals.headings, row.cells, strict=True)
            if cell.cell
        ]
        lines += [f"  {line}" for line in _align(table)]
        lines += [f"  - {note}" for note in row.notes]
    return "\n".join(lines)


def describe_end(folder: StudyFolder) -> str | None:
    """Return what a run says at its end; None where it did not finish the study."""
    try:
        words = describe_decisions(folder.root)
    except UserError:
        # A run of some targets leaves no study, or one of an older version.
        return None
    return f"\n{words}\n\n{folder.page}"


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, without columns that are empty."""
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
