"""What answers cost in money, from the prices of a config and what was measured.

A request's seconds are those from the images' files to the words, of a batch over its samples,
since the batch is answered together; where no whole request was timed, those of its generation. Its
energy is the generation's in either case.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from vlmeter.errors import Sentence
from vlmeter.metrics.estimates import Estimate, add_estimates, divide_estimates
from vlmeter.results.columns import column, list_columns
from vlmeter.results.right_answers import find_share_right
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.summary_values import read_metrics
from vlmeter.results.wishes import Prices
from vlmeter.status import Status

_J_PER_KWH = 3.6e6
_S_PER_HOUR = 3600.0
_REQUESTS = 1000


@dataclass(frozen=True)
class MoneyRow:
    """A cell's answers in money."""

    dataset: str = column("", "Name of the data set.")
    cell: str = column("", "The cell's id.")
    currency: str = column("", "Of the amounts.")
    paid_time: str | None = column(
        "",
        "What devices are paid for: a whole `request`, or its `generation` where none was timed.",
    )
    per_1000_requests: float | None = column("", "A thousand requests: electricity and devices.")
    per_1000_requests_low: float | None = column("", "Lower end of its 95 % interval.")
    per_1000_requests_high: float | None = column("", "Upper end of its 95 % interval.")
    per_1000_requests_reason: str | None = column("", "Why there is no such amount.")
    per_1000_right: float | None = column("", "A thousand right answers, with all wrong ones.")
    per_1000_right_low: float | None = column("", "Lower end of its 95 % interval.")
    per_1000_right_high: float | None = column("", "Upper end of its 95 % interval.")
    per_1000_right_reason: str | None = column("", "Why there is no such amount.")


MONEY_COLUMNS = list_columns(MoneyRow)


def list_money(rows: Iterable[SummaryRow], prices: Prices | None) -> list[MoneyRow]:
    """Return what the answers of each measured cell cost; nothing without prices."""
    if prices is None:
        return []
    return [_build_row(row, prices) for row in rows if row.status == Status.OK]


def _build_row(row: SummaryRow, prices: Prices) -> MoneyRow:
    request, reason = _price_request(row, prices)
    right: Estimate | None = None
    right_reason = reason
    if request is not None:
        share, right_reason = find_share_right(read_metrics(row.metrics).get(row.task_metric or ""))
        if share is not None and request.value > 0:
            right = divide_estimates(request, share)
        elif share is not None:
            # Nothing is nothing, however many answers are right.
            right = request
    return MoneyRow(
        dataset=row.dataset,
        cell=row.cell,
        currency=prices.currency,
        paid_time=None if prices.per_device_hour is None or request is None else _paid_time(row),
        per_1000_requests=None if request is None else request.value,
        per_1000_requests_low=None if request is None else request.low,
        per_1000_requests_high=None if request is None else request.high,
        per_1000_requests_reason=reason,
        per_1000_right=None if right is None else right.value,
        per_1000_right_low=None if right is None else right.low,
        per_1000_right_high=None if right is None else right.high,
        per_1000_right_reason=right_reason,
    )


def _paid_time(row: SummaryRow) -> str:
    return "generation" if row.request_s is None else "request"


def _price_request(
    row: SummaryRow, prices: Prices
) -> tuple[Estimate, None] | tuple[None, str | None]:
    """Return what a thousand requests cost, or why that is not known."""
    parts = []
    if prices.per_device_hour is not None:
        seconds = _estimate(row.request_s, row.request_low_s, row.request_high_s) or _estimate(
            row.generation_s, row.generation_low_s, row.generation_high_s
        )
        if seconds is None:
            return None, row.generation_reason or Sentence("no generation was timed")
        hours = (row.device_count or 1) / row.batch_size / _S_PER_HOUR
        parts.append(seconds.scale(hours * prices.per_device_hour * _REQUESTS))
    if prices.per_kwh is not None:
        joules = _estimate(
            row.energy_generation_j, row.energy_generation_low_j, row.energy_generation_high_j
        )
        if joules is None:
            missing = Sentence("the energy of a generation was not measured")
            return None, row.energy_per_token_reason or missing
        parts.append(joules.scale(prices.per_kwh / _J_PER_KWH * _REQUESTS))
    return reduce(add_estimates, parts), None


def _estimate(value: float | None, low: float | None, high: float | None) -> Estimate | None:
    return None if value is None else Estimate(value, low, high)
