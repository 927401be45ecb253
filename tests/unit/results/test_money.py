"""What answers cost by the prices of a config, with intervals."""

import json
import math
from dataclasses import asdict

import pytest
from row_factory import make_row

from vlmeter.metrics.figure import Figure
from vlmeter.results.money import list_money
from vlmeter.results.wishes import Prices

ACCURACY = Figure("accuracy", "Accuracy", 0.5, 0.4, 0.6, True, 100, counts_right=True)
MEASURED = {
    "batch_size": 4,
    "device_count": 2,
    "generation_s": 7.2,
    "generation_low_s": 7.0,
    "generation_high_s": 7.4,
    "energy_generation_j": 3600.0,
    "energy_generation_low_j": 3240.0,
    "energy_generation_high_j": 3960.0,
    "task_metric": "accuracy",
    "metrics": json.dumps([asdict(ACCURACY)]),
}
HOUR = Prices("EUR", per_device_hour=2.0)
KWH = Prices("EUR", per_kwh=0.5)
BOTH = Prices("EUR", per_kwh=0.5, per_device_hour=2.0)


def price(prices, **values):
    (amount,) = list_money([make_row(**{**MEASURED, **values})], prices)
    return amount


def test_devices_are_paid_by_the_hour_of_each_and_shared_by_the_batch():
    amount = price(HOUR)
    # 7.2 s of two devices for four samples: a thousand take an hour of one device.
    assert amount.per_1000_requests == pytest.approx(2.0)
    assert amount.per_1000_requests_low == pytest.approx(2.0 * 7.0 / 7.2)
    assert amount.per_1000_requests_high == pytest.approx(2.0 * 7.4 / 7.2)
    assert amount.currency == "EUR"


def test_a_whole_request_is_paid_where_it_was_timed():
    whole = {"request_s": 14.4, "request_low_s": 14.0, "request_high_s": 14.8}
    amount = price(BOTH, **whole)
    # Its energy is the generation's all the same.
    assert amount.per_1000_requests == pytest.approx(4.0 + 0.5)
    assert price(HOUR, **whole).per_1000_requests_high == pytest.approx(4.0 * 14.8 / 14.4)
    paid = [price(prices, **values).paid_time for prices in (HOUR, KWH) for values in (whole, {})]
    assert paid == ["request", "generation", None, None]


def test_electricity_is_paid_by_the_kilowatt_hour():
    amount = price(KWH)
    # 3600 J a sample: a thousand take a kilowatt-hour.
    assert amount.per_1000_requests == pytest.approx(0.5)
    assert amount.per_1000_requests_low == pytest.approx(0.45)
    assert amount.per_1000_requests_high == pytest.approx(0.55)


def test_both_prices_add_up_and_so_do_their_intervals():
    amount = price(BOTH)
    assert amount.per_1000_requests == pytest.approx(2.5)
    reach = math.hypot(2.0 * 0.2 / 7.2, 0.05)
    assert amount.per_1000_requests_high == pytest.approx(2.5 + reach)


def test_a_right_answer_pays_for_the_wrong_ones():
    amount = price(KWH)
    assert amount.per_1000_right == pytest.approx(1.0)
    above = math.hypot(math.log(1.1), math.log(0.5 / 0.4))
    assert amount.per_1000_right_high == pytest.approx(math.exp(above))
    assert amount.per_1000_right_reason is None


def test_nothing_is_shown_without_a_price_or_of_a_cell_that_failed():
    assert list_money([make_row(**MEASURED)], None) == []
    assert list_money([make_row(**MEASURED, status="crashed")], BOTH) == []


def test_what_is_free_costs_nothing():
    amount = price(Prices("EUR", per_kwh=0.0))
    assert (amount.per_1000_requests, amount.per_1000_right) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("prices", "values", "reason"),
    [
        (
            BOTH,
            {"energy_generation_j": None, "energy_per_token_reason": "too short"},
            "too short",
        ),
        (KWH, {"energy_generation_j": None}, "the energy of a generation was not measured"),
        (HOUR, {"generation_s": None, "generation_reason": "out of memory"}, "out of memory"),
        (HOUR, {"generation_s": None}, "no generation was timed"),
    ],
)
def test_a_cost_that_was_not_measured_has_no_price_and_says_why(prices, values, reason):
    amount = price(prices, **values)
    assert (amount.per_1000_requests, amount.per_1000_right) == (None, None)
    assert amount.per_1000_requests_reason == amount.per_1000_right_reason == reason


def test_a_price_does_not_need_what_it_does_not_pay_for():
    assert price(HOUR, energy_generation_j=None).per_1000_requests == pytest.approx(2.0)
    assert price(KWH, generation_s=None).per_1000_requests == pytest.approx(0.5)


def test_without_a_right_answer_requests_have_their_price():
    amount = price(KWH, metrics="[]")
    assert amount.per_1000_requests == pytest.approx(0.5)
    assert (amount.per_1000_right, amount.per_1000_right_reason) == (
        None,
        "its answers were not scored",
    )
