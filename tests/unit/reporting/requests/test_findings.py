"""What is said about requests, and that noise says nothing."""

import pytest
from request_factory import PLAN, make_requested_row
from row_factory import make_difference

from vlmeter.reporting.requests.findings import list_request_findings
from vlmeter.reporting.requests.timed import list_requests
from vlmeter.storage.layout import DifferenceKey

SLOW = {"decode_image": 0.4}
"""Preprocessing takes 0.48 of 1.38 s."""
KEY = DifferenceKey("coco", "fast", "m-bs1")


def find(*rows, **differences):
    made = {KEY: make_difference(KEY, **differences)} if differences else {}
    return list_request_findings(list(list_requests(rows, PLAN)), made)


def save(low_s, high_s):
    """Return the columns of a difference that saves at least and at most so much of a sample."""
    return {
        "sample_time_base_s": 0.5,
        "sample_time_difference_s": -(low_s + high_s) / 2,
        "sample_time_difference_low_s": -high_s,
        "sample_time_difference_high_s": -low_s,
    }


def list_about(sentences, words):
    return [each for each in sentences if words in each]


def test_the_greatest_share_of_preprocessing_is_named_beside_the_least():
    rows = [make_requested_row(SLOW), make_requested_row(cell="b", batch_size=4)]
    (sentence,) = list_about(find(*rows), "preprocessing takes")
    assert "35 % [34 %, 35 %] of a request at base setting" in sentence
    assert sentence.endswith(" and 10 % [9.9 %, 10 %] at batch 4.")


@pytest.mark.parametrize("spread", [0.8, 3.0])
def test_a_share_that_the_interval_does_not_carry_is_not_said(spread):
    rows = [make_requested_row(SLOW, spread), make_requested_row(None, spread, cell="b")]
    assert find(*rows) == []


def test_shares_that_overlap_are_not_set_beside_each_other():
    rows = [make_requested_row(SLOW), make_requested_row({"decode_image": 0.399}, cell="b")]
    (sentence,) = list_about(find(*rows), "preprocessing takes")
    assert "; at" not in sentence


def test_a_disturbed_request_says_nothing():
    assert find(make_requested_row(SLOW, disturbed=True)) == []


@pytest.mark.parametrize(
    ("least_s", "most_s", "said"),
    [
        (0.05, 0.1, "a faster processor could save more"),
        # Preprocessing takes 0.475 to 0.485 s.
        (0.05, 0.48, None),
        (0.48, 0.6, None),
        (0.5, 0.6, "no faster processor could save as much"),
        (-0.1, 0.1, "a faster processor could save more"),
    ],
)
def test_preprocessing_is_set_beside_what_an_optimisation_surely_saves(least_s, most_s, said):
    rows = [make_requested_row(SLOW), make_requested_row(cell="fast", optimization="compile")]
    sentences = list_about(find(*rows, **save(least_s, most_s)), "could save")
    assert len(sentences) == (said is not None)
    assert all(said in each for each in sentences)


def test_a_difference_in_more_than_the_optimisation_compares_nothing():
    rows = [
        make_requested_row(SLOW),
        make_requested_row(cell="fast", optimization="compile", batch_size=4),
    ]
    assert list_about(find(*rows, **save(0.05, 0.1)), "could save") == []


def test_the_longest_part_is_named_where_it_surely_is():
    (sentence,) = list_about(find(make_requested_row()), "longest part")
    assert "decode steps, with 480 ms per sample, 48 % of the whole" in sentence
    assert list_about(find(make_requested_row({"vision": 0.475})), "longest part") == []


def test_times_are_those_of_one_sample():
    (sentence,) = list_about(find(make_requested_row(batch_size=4)), "longest part")
    assert "120 ms per sample, 48 %" in sentence


def test_a_request_without_parts_says_nothing():
    assert find(make_requested_row(request_parts="[]", request_preprocessing_low=None)) == []
