from itertools import cycle

import pytest
from simulation.clock import HostClock, SimulatedTime

from vlmeter.measure.generation import measure_generation
from vlmeter.measure.stopping import aim_at, fix_rounds


def generation(first_s, further_s, new_tokens=5, repeats=3):
    time = SimulatedTime()
    asked = []

    def generate(count):
        asked.append(count)
        time.spend(first_s + further_s * (count - 1))

    figures, timings = measure_generation(
        generate, HostClock(time), new_tokens=new_tokens, batch_size=4, rule=fix_rounds(repeats)
    )
    return figures, asked, timings


def test_first_and_further_tokens_are_timed_apart():
    figures, _, _ = generation(first_s=0.3, further_s=0.02)
    assert figures.time_to_first_token_s == pytest.approx(0.3)
    assert figures.time_per_output_token_s == pytest.approx(0.02)
    assert figures.generation_s == pytest.approx(0.38)
    assert figures.tokens_per_s == pytest.approx(20 / 0.38)
    assert figures.samples_per_s == pytest.approx(4 / 0.38)
    assert figures.time_per_output_token_reason is None


def test_the_interval_is_student_s_over_the_repeats():
    time, seconds = SimulatedTime(), iter([9.0, 9.0, 0.1, 0.9, 0.1, 1.0, 0.1, 1.3])
    figures, _ = measure_generation(
        lambda _: time.spend(next(seconds)), HostClock(time), 5, batch_size=4, rule=fix_rounds(3)
    )
    # The standard deviation of 0.9, 1.0 and 1.3, by Student's t of two degrees of freedom.
    half = 4.30265 * 0.208167 / 3**0.5
    assert figures.generation_s == pytest.approx(1.0)
    assert (figures.low_s, figures.high_s) == pytest.approx((1.0 - half, 1.0 + half), rel=1e-5)
    single, _, _ = generation(first_s=0.3, further_s=0.02, repeats=1)
    assert (single.low_s, single.high_s) == (None, None)


def test_tokens_and_samples_are_not_mixed_up():
    figures, _, _ = generation(first_s=0.3, further_s=0.02)
    assert figures.tokens_per_s == pytest.approx(5 * figures.samples_per_s)


def test_the_two_lengths_alternate_after_a_pair_that_is_thrown_away():
    _, asked, timings = generation(first_s=0.3, further_s=0.02)
    assert asked == [1, 5] * 4
    assert [(row.kind, row.round, row.iteration) for row in timings] == [
        ("generate_first", 0, 0),
        ("generate_first", 1, 1),
        ("generate_first", 2, 2),
        ("generate_all", 0, 0),
        ("generate_all", 1, 1),
        ("generate_all", 2, 2),
    ]


def test_pairs_are_enough_when_both_intervals_are_narrow_or_their_time_is_up():
    time = SimulatedTime()
    for factors, ended_by, rounds in (([1.0], "target", 3), ([1.0, 1.5], "cap", 5)):
        turns = cycle(factors)

        def generate(count, turns=turns):
            # The first token alone varies, from pair to pair.
            time.spend(next(turns) if count == 1 else 2.0)

        figures, timings = measure_generation(
            generate, HostClock(time), 5, 4, aim_at(0.02), window_s=14.0
        )
        assert (figures.end.ended_by, figures.end.rounds) == (ended_by, rounds)
        assert len(timings) == 2 * rounds


@pytest.mark.parametrize("further_s", [0.0, -0.01])
def test_a_difference_that_is_not_positive_is_no_time(further_s):
    figures, _, _ = generation(first_s=0.3, further_s=further_s)
    assert figures.time_per_output_token_s is None
    assert "below the noise" in figures.time_per_output_token_reason


def test_two_tokens_have_one_further_one():
    figures, _, _ = generation(first_s=0.3, further_s=0.02, new_tokens=2)
    assert figures.time_per_output_token_s == pytest.approx(0.02)


def test_one_token_has_no_further_one():
    figures, _, _ = generation(first_s=0.3, further_s=0.02, new_tokens=1)
    assert figures.time_per_output_token_s is None
    assert "single token" in figures.time_per_output_token_reason
