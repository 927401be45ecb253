"""The truth table: by check VLMeter's value, the independent one, and the verdict."""

import json
import math
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from comparison import Comparison, WordComparison

Value = float | str | None
Truth = Comparison | WordComparison

OK, OUT_OF_BOUND = "ok", "out of bound"
EQUAL = "equal"
_TRACE_CHARACTERS = 3000
_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Check:
    """Some of VLMeter's values beside independent ones."""

    name: str
    needs_s: float
    """About how long it takes on an H100; with less time left it is left out."""
    run: Callable[[], Iterable[Truth]]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    check: str
    vlmeter: Value
    independent: Value
    unit: str
    ratio: float | None
    """VLMeter's value over the independent one."""
    bound: str
    """By how much the two may differ."""
    verdict: str
    """`OK`, `OUT_OF_BOUND`, or why there are no values."""


def row_of(truth: Truth) -> Row:
    """Return the line of two values."""
    verdict = OK if truth.passed else OUT_OF_BOUND
    if isinstance(truth, WordComparison):
        return Row(truth.what, truth.ours, truth.reference, "", None, EQUAL, verdict)
    ratio = truth.ours / truth.reference if truth.reference else None
    bound = f"{'+' if truth.at_most else '±'}{truth.limit:.3g}" if truth.limit else EQUAL
    return Row(truth.what, truth.ours, truth.reference, truth.unit, ratio, bound, verdict)


@dataclass
class TruthTable:
    """Rows as they come, written anew after each check, so that whatever ends the run they stay."""

    folder: Path
    about: Mapping[str, object]
    """What was measured on."""
    rows: list[Row] = field(default_factory=list)
    traces: dict[str, str] = field(default_factory=dict)
    took_s: dict[str, float] = field(default_factory=dict)

    def run(self, checks: Sequence[Check], deadline_s: float) -> None:
        """Run the checks one after the other; none ends another.

        Args:
            checks: Those it would be worst not to have run come first.
            deadline_s: By `time.monotonic`.
        """
        for place, check in enumerate(checks):
            self._write([_without_values(later, "not run yet") for later in checks[place:]])
            left_s = deadline_s - time.monotonic()
            if left_s < check.needs_s:
                reason = f"left out: {left_s:.0f} s left, {check.needs_s:g} needed"
                self.rows.append(_without_values(check, reason))
                continue
            start = time.monotonic()
            self._run(check)
            self.took_s[check.name] = round(time.monotonic() - start, 2)
        self._write([])

    def _run(self, check: Check) -> None:
        try:
            for truth in check.run():
                self.rows.append(row_of(truth))
                print(_line(self.rows[-1]), flush=True)
        except Exception as error:
            # Whatever it is, the checks after this one have nothing to do with it.
            reason = f"failed: {type(error).__name__}: {error}"[:_REASON_CHARACTERS]
            self.rows.append(_without_values(check, reason))
            self.traces[check.name] = traceback.format_exc()[-_TRACE_CHARACTERS:]
            print(f"{check.name}: {self.traces[check.name]}", flush=True)

    def _write(self, to_come: Sequence[Row]) -> None:
        rows = [*self.rows, *to_come]
        content = {
            **self.about,
            "rows": [asdict(row) for row in rows],
            "took_s": self.took_s,
            "traces": self.traces,
        }
        _replace(self.folder / "truth.json", json.dumps(content, indent=1))
        _replace(self.folder / "truth.md", markdown(self.about, rows))


def _without_values(check: Check, reason: str) -> Row:
    return Row(check.name, None, None, "", None, "", reason)


def _replace(file: Path, text: str) -> None:
    aside = file.with_suffix(".part")
    aside.write_text(text, "utf-8")
    aside.replace(file)


def _line(row: Row) -> str:
    return "  ".join((row.check, *_cells(row)[1:]))


def markdown(about: Mapping[str, object], rows: Sequence[Row]) -> str:
    """Return the table, with what it was measured on above it."""
    heading = ("check", "VLMeter", "independent", "unit", "ratio", "bound", "verdict")
    lines = [heading, ("---", "---:", "---:", "---", "---:", "---:", "---"), *map(_cells, rows)]
    words = ", ".join(f"{name} {value}" for name, value in about.items())
    return "\n".join((words, "", *(f"| {' | '.join(cells)} |" for cells in lines), ""))


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.4f}"
    values = (_text(row.vlmeter), _text(row.independent), row.unit, ratio)
    return (row.check, *values, row.bound, row.verdict.replace("|", "\\|").replace("\n", " "))


def _text(value: Value) -> str:
    if isinstance(value, float | int):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return value or ""
