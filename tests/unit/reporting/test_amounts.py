"""Amounts of money are readable: for enough requests, and never with an exponent."""

import pytest

from vlmeter.reporting.amounts import AmountScale
from vlmeter.results.money import MoneyRow
from vlmeter.results.numbers import format_amount


def make_money(amount: float | None) -> MoneyRow:
    names = (f"per_1000_{of}{end}" for of in ("requests", "right") for end in ("_low", "_high"))
    reasons = {"per_1000_requests_reason": None, "per_1000_right_reason": None}
    values = {"paid_time": None, "per_1000_right": amount, **dict.fromkeys(names), **reasons}
    return MoneyRow("d", "c", "EUR", per_1000_requests=amount, **values)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.14e-5, "0.0000114"),
        (-2.5e-7, "-0.000000250"),
        (0.25, "0.250"),
        (12345678.9, "12345679"),
        (0.0, "0"),
        (None, "–"),
    ],
)
def test_an_amount_has_three_digits_and_no_exponent(value, text):
    assert format_amount(value) == text


@pytest.mark.parametrize(
    ("amounts", "count", "text"),
    [
        ([0.5, None, 0.002], "thousand", "0.00200"),
        ([1.14e-5], "million", "0.0114"),
        ([2.5e-9], "billion", "0.00250"),
        ([2.5e-13], "billion", "0.000000250"),
        ([0.0], "thousand", "0"),
        ([], "thousand", "–"),
    ],
)
def test_the_count_is_the_least_that_makes_amounts_readable(amounts, count, text):
    scale = AmountScale.of(map(make_money, amounts))
    assert scale.count == count
    assert scale.format(amounts[-1] if amounts else None) == text


def test_an_interval_is_of_the_same_count():
    scale = AmountScale.of([make_money(2e-5)])
    assert scale.format(2e-5, 1e-5, 3e-5) == "0.0200 [0.0100, 0.0300]"
