"""Which images a fixed workload is made of."""

from collections import Counter

import pytest

from vlmeter.models.image_forms import ImageForm, choose_median_form, list_tokens


def make_form(tokens, *shape):
    return ImageForm(tokens, (("pixel_values", shape),))


FORMS = {
    (10, 10): make_form(4, 16),
    (20, 10): make_form(8, 32),
    (10, 20): make_form(8, 32),
    (40, 5): make_form(8, 2, 16),
    (40, 40): make_form(64, 256),
}


@pytest.mark.parametrize(
    ("counts", "chosen"),
    [
        ({(10, 10): 5}, {(10, 10)}),
        ({(10, 10): 2, (40, 40): 3}, {(40, 40)}),
        # Of an even number the lower one.
        ({(10, 10): 2, (40, 40): 2}, {(10, 10)}),
        ({(10, 10): 1, (20, 10): 1, (40, 40): 1}, {(20, 10)}),
        # Sizes of which the same becomes are one form; another of as many tokens is not.
        ({(10, 20): 1, (20, 10): 1, (40, 5): 1}, {(10, 20), (20, 10)}),
        ({(10, 20): 1, (40, 5): 2}, {(40, 5)}),
        ({(10, 20): 1, (40, 5): 1}, {(10, 20)}),
    ],
)
def test_the_form_is_that_of_the_median_sample(counts, chosen):
    assert choose_median_form(Counter(counts), FORMS) == chosen


def test_each_sample_counts_with_the_tokens_of_its_image():
    counts = Counter({(40, 40): 2, (10, 10): 1, (40, 5): 1})
    assert list_tokens(counts, FORMS) == [4, 8, 64, 64]
