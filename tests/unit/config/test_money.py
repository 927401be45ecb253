"""Prices in the config."""

import pytest

from vlmeter.results.wishes import Prices
from vlmeter.study.outline import build_outline


@pytest.mark.parametrize(
    ("money", "prices"),
    [
        ({"currency": "EUR", "per_kwh": 0.3}, Prices("EUR", 0.3, None)),
        ({"currency": "USD", "per_device_hour": 2}, Prices("USD", None, 2.0)),
        ({"currency": "RUB", "per_kwh": 0, "per_device_hour": 99.5}, Prices("RUB", 0.0, 99.5)),
    ],
)
def test_one_price_or_both(config, money, prices):
    assert build_outline(config.set("money", money).study()).prices == prices


def test_without_the_block_nothing_has_a_price(config):
    assert build_outline(config.study()).prices is None


@pytest.mark.parametrize(
    ("money", "words"),
    [
        ({"currency": "EUR"}, "money: has no price: give `per_kwh`, `per_device_hour` or both"),
        ({"per_kwh": 0.3}, "money.currency: this key is needed"),
        ({"currency": "euro", "per_kwh": 0.3}, 'money.currency: "euro" is no currency'),
        ({"currency": "", "per_kwh": 0.3}, 'money.currency: "" is no currency'),
        ({"currency": "EUR\n", "per_kwh": 0.3}, 'money.currency: "EUR" is no currency'),
        ({"currency": "EUR", "per_kwh": -0.1}, "money.per_kwh: Input should be greater than or"),
        ({"currency": "EUR", "per_kwh": float("nan")}, "money.per_kwh: should be a finite number"),
        (
            {"currency": "EUR", "per_device_hour": float("inf")},
            "money.per_device_hour: should be a finite number",
        ),
        ({"currency": "EUR", "per_kwh": True}, "money.per_kwh: Input should be a valid number"),
        ({"currency": "EUR", "per_kwh": "0.3 €"}, "money.per_kwh: Input should be a valid number"),
        (
            {"currency": "EUR", "per_kw": 0.3},
            'money: unknown key "per_kw"; did you mean "per_kwh"?',
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_key(refuse, money, words):
    assert words in refuse("money", money)
