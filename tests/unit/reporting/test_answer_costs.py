"""From which length on decoding takes longer than the first token."""

import pytest

from vlmeter.reporting.answer_costs import count_tokens_to_outweigh


@pytest.mark.parametrize(
    ("first_s", "further_s", "tokens"), [(0.1, 0.02, 7), (0.099, 0.02, 6), (0.01, 0.02, 2)]
)
def test_the_length_from_which_decoding_takes_longer(first_s, further_s, tokens):
    assert count_tokens_to_outweigh(first_s, further_s) == tokens
    assert (tokens - 1) * further_s > first_s
    assert (tokens - 2) * further_s <= first_s or tokens == 2
