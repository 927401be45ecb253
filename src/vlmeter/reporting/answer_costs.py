"""Says what answers cost in energy and money, and how long they take by their length."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vlmeter.decision.build_contests import is_metered
from vlmeter.reporting.amounts import AmountScale
from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_group_title, format_setting
from vlmeter.reporting.table import Table, TextColumn, build_table, drop_empty_columns
from vlmeter.results.money import MoneyRow
from vlmeter.results.numbers import (
    DASH,
    Scale,
    format_amount,
    format_interval,
    format_number,
    format_percent,
    format_quantity,
    format_with_interval,
)
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Summary
from vlmeter.results.wishes import Prices
from vlmeter.storage.layout import CellKey

MOST_ROWS = 24
"""Most rows of the table: of more, those whose right answers cost least."""
Money = Mapping[CellKey, MoneyRow]


def tabulate_answers(outline: Outline, rows: Sequence[SummaryRow], money: Money) -> Table | None:
    """Return a row per setting: energy, money; None where neither was measured.

    Args:
        outline: The study.
        rows: Its measured cells.
        money: What their answers cost.
    """
    priced = [row for row in rows if row.energy_generation_j is not None or _is_priced(row, money)]
    shown = sorted(priced, key=lambda row: _rank(row, money))[:MOST_ROWS]
    shown = [row for row in priced if row in shown]
    scale = Scale.of([row.energy_per_right_j for row in shown], "J")
    amounts = [money.get(CellKey(row.dataset, row.cell)) for row in shown]
    per = AmountScale.of(money.values())
    currency = "" if outline.prices is None else outline.prices.currency
    columns = drop_empty_columns(
        [
            TextColumn(
                say("budget.per_right", unit=scale.unit),
                [
                    format_with_interval(
                        row.energy_per_right_j,
                        row.energy_per_right_low_j,
                        row.energy_per_right_high_j,
                        scale.factor,
                    )
                    for row in shown
                ],
                numeric=True,
            ),
            TextColumn(
                say("budget.tokens_per_j"),
                [format_number(row.tokens_per_j) for row in shown],
                numeric=True,
            ),
            TextColumn(
                say("budget.idle_share"),
                [format_percent(row.energy_idle_share) for row in shown],
                numeric=True,
            ),
            TextColumn(
                say(f"budget.{per.count}_requests", currency=currency),
                [_format_requests(amount, per) for amount in amounts],
                numeric=True,
            ),
            TextColumn(
                say(f"budget.{per.count}_right", currency=currency),
                [_format_right(amount, per) for amount in amounts],
                numeric=True,
            ),
        ]
    )
    if not columns:
        return None
    lead = [
        TextColumn(
            say("table.dataset"),
            [format_group_title(outline.labels, row.dataset, row.model) for row in shown],
        ),
        TextColumn(say("table.setting"), [format_setting(row, outline.base) for row in shown]),
    ]
    marks = drop_empty_columns([TextColumn(say("table.notes"), [_mark(row) for row in shown])])
    return build_table([*lead, *columns, *marks])


def _mark(row: SummaryRow) -> str:
    marks = [say("note.disturbed")] if row.disturbed else []
    if row.energy is not None and not is_metered(row):
        marks.append(say("budget.modelled"))
    return "; ".join(marks)


def _is_priced(row: SummaryRow, money: Money) -> bool:
    amount = money.get(CellKey(row.dataset, row.cell))
    return amount is not None and amount.per_1000_requests is not None


def _rank(row: SummaryRow, money: Money) -> tuple[float, float]:
    """Return what sorts the cheapest first: money for right answers, then their energy."""
    amount = money.get(CellKey(row.dataset, row.cell))
    right = None if amount is None else amount.per_1000_right
    joules = row.energy_per_right_j
    return math.inf if right is None else right, math.inf if joules is None else joules


def _format_requests(amount: MoneyRow | None, per: AmountScale) -> str:
    if amount is None:
        return DASH
    low, high = amount.per_1000_requests_low, amount.per_1000_requests_high
    return per.format(amount.per_1000_requests, low, high)


def _format_right(amount: MoneyRow | None, per: AmountScale) -> str:
    if amount is None:
        return DASH
    return per.format(amount.per_1000_right, amount.per_1000_right_low, amount.per_1000_right_high)


def find_cheapest(outline: Outline, rows: Sequence[SummaryRow], money: Money) -> Iterator[str]:
    """Say for each data set and model what a right answer takes where it takes least."""
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        if row.energy_per_right_j is not None and not row.disturbed:
            groups.setdefault((row.dataset, row.model), []).append(row)
    per = AmountScale.of(money.values())
    for group in groups.values():
        best = min(group, key=lambda row: row.energy_per_right_j or math.inf)
        amount = money.get(CellKey(best.dataset, best.cell))
        priced = amount is not None and amount.per_1000_right is not None
        yield say(
            "budget.cheapest_priced" if priced else "budget.cheapest",
            group=format_group_title(outline.labels, best.dataset, best.model),
            setting=format_setting(best, outline.base),
            energy=format_quantity(best.energy_per_right_j, "J"),
            ends=_format_ends(best),
            kind="" if is_metered(best) else f" ({say('budget.by_model')})",
            count=say(f"budget.a_{per.count}"),
            amount=DASH if amount is None else per.format(amount.per_1000_right),
            currency="" if amount is None else amount.currency,
        )


def _format_ends(row: SummaryRow) -> str:
    low, high = row.energy_per_right_low_j, row.energy_per_right_high_j
    if low is None or high is None:
        return say("budget.no_interval")
    return format_interval(low, high, lambda joules: format_quantity(joules, "J"))


def count_tokens_to_outweigh(first_s: float, further_s: float) -> int:
    """Return the least length of an answer whose further tokens take longer than its first.

    Args:
        first_s: Time to the first token.
        further_s: Time of each further one, above zero.
    """
    return math.floor(first_s / further_s) + 2


def describe_lengths(outline: Outline, summary: Summary) -> Iterator[str]:
    """Say of each reference how the time of an answer follows from its length."""
    for dataset, by_model in outline.references.items():
        for cell in by_model.values():
            row = summary.get(CellKey(dataset, cell))
            if row is None or not row.time_per_output_token_s or not row.time_to_first_token_s:
                continue
            mark = f" ({say('note.disturbed')})" if row.disturbed else ""
            yield say(
                "budget.length",
                group=format_group_title(outline.labels, row.dataset, row.model),
                setting=f"{format_setting(row, outline.base)}{mark}",
                first=format_quantity(row.time_to_first_token_s, "s"),
                further=format_quantity(row.time_per_output_token_s, "s"),
                tokens=count_tokens_to_outweigh(
                    row.time_to_first_token_s, row.time_per_output_token_s
                ),
            )


def list_answer_notes(outline: Outline, rows: Sequence[SummaryRow], money: Money) -> Iterator[str]:
    """Name prices, what could not be worked out of how many settings, and who says right."""
    if outline.prices is not None:
        yield say("budget.prices", prices=_format_prices(outline.prices))
    yield from count_reasons("budget.no_energy", [row.energy_per_right_reason for row in rows])
    amounts = [amount.per_1000_requests_reason for amount in money.values()]
    yield from count_reasons("budget.no_amount", amounts)
    right = [row for row in rows if row.energy_per_right_j is not None]
    metrics = dict.fromkeys(translate(row.task_metric_label) for row in right)
    if metrics:
        yield say("budget.right", metrics=join_words(list(metrics)))


def _format_prices(prices: Prices) -> str:
    given = {"per_kwh": prices.per_kwh, "per_device_hour": prices.per_device_hour}
    return join_words(
        [
            say(f"budget.{name}", price=format_amount(price), currency=prices.currency)
            for name, price in given.items()
            if price is not None
        ]
    )


def count_reasons(key: str, reasons: Iterable[str | None]) -> Iterator[str]:
    """Say for how many settings something is not to be said, and why."""
    counts: dict[str, int] = {}
    for reason in reasons:
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    for reason, count in counts.items():
        yield say(key, count=count, reason=translate(reason))
