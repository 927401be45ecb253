"""Writes amounts of money for as many requests or answers as make them readable."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from vlmeter.results.money import MoneyRow
from vlmeter.results.numbers import DASH, format_amount, format_interval

_COUNTS = {"thousand": 1.0, "million": 1e3, "billion": 1e6}
"""Thousands of requests or answers, by the word for them."""
_LEAST = 1e-3
"""Least amount that is easy to read."""


@dataclass(frozen=True)
class AmountScale:
    """For how many requests or answers amounts are given."""

    count: str
    """`thousand`, `million` or `billion`: a key of the catalogues."""
    factor: float

    @classmethod
    def of(cls, money: Iterable[MoneyRow]) -> "AmountScale":
        """Choose the least count for which the median amount is easy to read."""
        amounts = [row.per_1000_requests for row in money if row.per_1000_requests]
        middle = statistics.median_low(amounts) if amounts else _LEAST
        scales = [cls(count, factor) for count, factor in _COUNTS.items()]
        return next((it for it in scales if middle * it.factor >= _LEAST), scales[-1])

    def format(
        self, per_1000: float | None, low: float | None = None, high: float | None = None
    ) -> str:
        """Return the amount for this count, with its interval where it has one."""
        if per_1000 is None:
            return DASH
        ends = format_interval(low, high, lambda end: format_amount(end * self.factor))
        return f"{format_amount(per_1000 * self.factor)} {ends}".rstrip()
