import math

import pytest

from vlmeter.units import format_flops


@pytest.mark.parametrize(
    ("flops", "text"),
    [
        (751.3e9, "751.3 GFLOPS"),
        (751.06e9, "751.06 GFLOPS"),
        (4 * 788.3e9, "3.15 TFLOPS"),
        (12 * 756.4e9, "9.08 TFLOPS"),
        (12 * 788.3e9, "9.46 TFLOPS"),
        (12 * 1066.7e9, "12.8 TFLOPS"),
        (3e12, "3.0 TFLOPS"),
        (0, "0.0 FLOPS"),
        (999, "999.0 FLOPS"),
        (4_295_168, "4.3 MFLOPS"),
        (999_999_999_999, "1.0 TFLOPS"),
        (2.5e21, "2500.0 EFLOPS"),
    ],
)
def test_operations_are_written_as_in_the_source(flops, text):
    assert format_flops(flops) == text


def test_what_was_not_counted_has_no_text():
    assert format_flops(None) is None
    assert format_flops(math.nan) is None
    assert format_flops(math.inf) is None


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        format_flops(-1)
