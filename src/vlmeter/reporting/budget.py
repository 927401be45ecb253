"""The report's part on what answers cost, in energy, money and time, and on what fits."""

from dataclasses import dataclass

from vlmeter.reporting.answer_costs import (
    describe_lengths,
    find_cheapest,
    list_answer_notes,
    tabulate_answers,
)
from vlmeter.reporting.fits import describe_fits, list_fit_notes, tabulate_fits
from vlmeter.reporting.language import say
from vlmeter.reporting.table import Table
from vlmeter.results.fits import list_fits
from vlmeter.results.money import list_money
from vlmeter.results.outline import Outline
from vlmeter.results.tables import Summary
from vlmeter.status import Status
from vlmeter.storage.layout import CellKey


@dataclass(frozen=True)
class BudgetView:
    """What the report says of the price of answers and of memories."""

    findings: tuple[str, ...]
    tables: tuple[tuple[str, Table], ...]
    """With their captions."""
    notes: tuple[str, ...]


def build_budget_view(outline: Outline, summary: Summary) -> BudgetView | None:
    """Return what can be said; None where nothing was measured or asked for.

    Args:
        outline: The study: its prices, its memories, its references.
        summary: The rows of `summary.csv`.
    """
    rows = [row for row in summary.values() if row.status == Status.OK]
    money = {CellKey(it.dataset, it.cell): it for it in list_money(rows, outline.prices)}
    fits = list_fits(rows, outline.memories)
    tables = (
        (say("budget.answers"), tabulate_answers(outline, rows, money)),
        (say("budget.fits"), tabulate_fits(outline, summary, fits)),
    )
    view = BudgetView(
        findings=(
            *find_cheapest(outline, rows, money),
            *describe_lengths(outline, summary),
            *describe_fits(outline, summary, fits),
        ),
        tables=tuple((caption, table) for caption, table in tables if table is not None),
        notes=(*list_answer_notes(outline, rows, money), *list_fit_notes(fits)),
    )
    return view if view.findings or view.tables or view.notes else None
