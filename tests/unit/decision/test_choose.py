"""Which settings are chosen, on contests whose best settings are known."""

import pytest
from contest_factory import make_candidate, make_contest, make_cost

from vlmeter.decision.candidates import Contest, Quality
from vlmeter.decision.choose import choose
from vlmeter.decision.decision import Choice, Decision, Goal, Miss, Nearest
from vlmeter.results.limits import Limits


def decide(*candidates, limits=None, **more):
    return choose(make_contest(*candidates, **more), limits or Limits())


def name_chosen(decision: Decision) -> dict[str, str]:
    return {choice.goal.value: choice.cell for choice in decision.choices}


def get_choice(decision: Decision, goal: Goal) -> Choice:
    return next(choice for choice in decision.choices if choice.goal is goal)


def test_each_goal_has_its_best_setting():
    decision = decide(
        make_candidate("base", 0, energy=2.0),
        make_candidate("quick", 1, latency=0.02, sample_time=0.09, energy=3.0),
        make_candidate("bulk", 2, latency=0.4, sample_time=0.025, energy=2.5),
        make_candidate("sparing", 3, latency=0.3, sample_time=0.2, energy=0.5),
        make_candidate("right", 4, latency=0.5, sample_time=0.3, quality=0.6),
    )
    assert name_chosen(decision)["latency"] == "quick"
    assert name_chosen(decision)["throughput"] == "bulk"
    assert name_chosen(decision)["energy"] == "sparing"
    assert get_choice(decision, Goal.LATENCY) == Choice(Goal.LATENCY, "quick", "quick", ())


def test_of_a_tie_the_setting_nearest_to_the_base_is_named_and_the_best_beside_it():
    decision = decide(
        make_candidate("far", 2, latency=0.097),
        make_candidate("near", 1, latency=0.099),
        make_candidate("base", 0, latency=0.5),
        reference="base",
    )
    assert get_choice(decision, Goal.LATENCY) == Choice(Goal.LATENCY, "near", "far", ("far",))


@pytest.mark.parametrize(("reach", "named"), [(0.05, "quick"), (0.2, "base"), (None, "base")])
def test_a_lead_counts_only_beyond_both_reaches_together(reach, named):
    # The logarithms are 0.105 apart, and two reaches of 0.05 add up to 0.071.
    decision = decide(
        make_candidate("base", 0, latency=make_cost(0.1, reach)),
        make_candidate("quick", 1, latency=make_cost(0.09, reach)),
    )
    assert name_chosen(decision)["latency"] == named


def test_the_reaches_add_up_as_the_legs_of_a_right_triangle():
    def name(distance: float) -> str:
        quick = make_candidate("quick", 1, latency=make_cost(1.0, 0.3))
        log = quick.latency.log + distance
        base = make_candidate("base", 0, latency=make_cost(2.718281828**log, 0.4))
        return name_chosen(decide(base, quick))["latency"]

    assert name(0.499) == "base"
    assert name(0.501) == "quick"


@pytest.mark.parametrize(("higher", "quality"), [(True, 0.4), (False, 0.8)])
def test_a_setting_that_answers_measurably_worse_is_named_for_no_cost(higher, quality):
    decision = decide(
        make_candidate("base", 0),
        make_candidate("bad", 1, latency=0.01, sample_time=0.01, quality=quality),
        higher_is_better=higher,
    )
    assert set(name_chosen(decision).values()) == {"base"}
    assert (decision.bar, decision.worse) == ("base", ("bad",))


def test_a_useless_reference_is_no_bar_once_a_setting_answers_measurably_better():
    useless = make_candidate("base", 0, quality=Quality(0.0, 0.0, 0.0))
    decision = decide(
        useless,
        make_candidate("native", 1, latency=0.5, sample_time=0.4, quality=0.77),
        make_candidate("slower", 2, latency=0.9, sample_time=0.8, quality=0.75),
        make_candidate("half", 3, latency=0.01, sample_time=0.01, quality=0.3),
    )
    assert decision.bar == "native"
    assert decision.worse == ("base", "half")
    assert set(name_chosen(decision).values()) == {"native"}


def test_answers_that_are_better_by_chance_alone_raise_no_bar():
    decision = decide(
        make_candidate("base", 0, quality=Quality(0.6, 0.0, 0.0)),
        make_candidate("lucky", 1, latency=0.5, quality=0.64),
    )
    assert decision.bar == "base"
    assert get_choice(decision, Goal.QUALITY) == Choice(Goal.QUALITY, "base", "lucky", ("lucky",))


def test_without_an_interval_no_quality_is_measurably_worse():
    decision = decide(
        make_candidate("base", 0),
        make_candidate("other", 1, latency=0.01, quality=Quality(0.1, None, None)),
    )
    assert decision.worse == ()
    assert name_chosen(decision)["latency"] == "other"


def test_a_setting_without_quality_is_left_out_where_others_have_one():
    decision = decide(
        make_candidate("base", 0), make_candidate("mute", 1, latency=0.01, quality=None)
    )
    assert decision.unjudged == ("mute",)
    assert name_chosen(decision)["latency"] == "base"


def test_without_any_quality_the_costs_alone_decide():
    decision = decide(
        make_candidate("base", 0, quality=None),
        make_candidate("quick", 1, latency=0.01, quality=None),
        metric=None,
    )
    assert (decision.bar, decision.unjudged) == (None, ())
    assert Goal.QUALITY not in {choice.goal for choice in decision.choices}
    assert name_chosen(decision)["latency"] == "quick"


def test_a_disturbed_setting_is_left_out_while_another_answers_as_well():
    candidates = [
        make_candidate("base", 0),
        make_candidate("noisy", 1, latency=0.01, sample_time=0.01, quality=0.62, disturbed=True),
    ]
    decision = decide(*candidates)
    assert decision.disturbed == ("noisy",)
    assert name_chosen(decision)["latency"] == "base"


def test_where_only_a_disturbed_setting_answers_well_it_is_named():
    decision = decide(
        make_candidate("base", 0, quality=Quality(0.0, 0.0, 0.0)),
        make_candidate("native", 1, latency=0.5, quality=0.77, disturbed=True),
    )
    assert decision.disturbed == ()
    assert name_chosen(decision)["latency"] == "native"


def test_where_all_are_disturbed_they_are_compared():
    decision = decide(
        make_candidate("base", 0, disturbed=True),
        make_candidate("quick", 1, latency=0.01, disturbed=True),
    )
    assert name_chosen(decision)["latency"] == "quick"


def test_what_disturbs_a_measurement_does_not_touch_the_goal_of_quality():
    decision = decide(
        make_candidate("base", 0, quality=Quality(0.2, 0.0, 0.0)),
        make_candidate("good", 1, quality=0.9, disturbed=True),
        make_candidate("fair", 2, quality=0.85),
    )
    assert name_chosen(decision)["quality"] == "good"
    assert name_chosen(decision)["latency"] == "fair"


def test_energy_that_nobody_metered_is_no_goal():
    assert "energy" not in name_chosen(decide(make_candidate("base", 0), make_candidate("a", 1)))
    decision = decide(
        make_candidate("base", 0), make_candidate("a", 1, energy=3.0, latency=0.2, sample_time=0.2)
    )
    assert name_chosen(decision)["energy"] == "a"
    # Only one has it, so it has no part in the balance.
    assert name_chosen(decision)["balance"] == "base"


def test_the_balance_is_nearest_to_the_best_of_every_cost():
    decision = decide(
        make_candidate("one", 0, latency=0.01, sample_time=0.01),
        make_candidate("four", 1, latency=0.02, sample_time=0.004),
        make_candidate("many", 2, latency=0.1, sample_time=0.003),
    )
    assert get_choice(decision, Goal.BALANCE) == Choice(Goal.BALANCE, "four", "four", ())
    in_hours = decide(
        make_candidate("one", 0, latency=36.0, sample_time=0.01),
        make_candidate("four", 1, latency=72.0, sample_time=0.004),
        make_candidate("many", 2, latency=360.0, sample_time=0.003),
    )
    assert name_chosen(in_hours)["balance"] == "four"


def test_a_cost_in_which_nothing_differs_does_not_tip_the_balance():
    # By noise in latency alone `noise` would be the best there, and so nearest to all bests.
    decision = decide(
        make_candidate("base", 0, latency=0.1, sample_time=0.1),
        make_candidate("noise", 1, latency=0.099, sample_time=0.1),
        make_candidate("bulk", 2, latency=0.1, sample_time=0.05),
    )
    assert get_choice(decision, Goal.BALANCE) == Choice(Goal.BALANCE, "bulk", "bulk", ())


def test_where_no_cost_differs_everything_is_balanced_alike():
    decision = decide(make_candidate("far", 1), make_candidate("base", 0))
    assert get_choice(decision, Goal.BALANCE) == Choice(Goal.BALANCE, "base", "base", ("far",))


LADDER = (
    make_candidate("one", 0, latency=0.01, sample_time=0.01, memory_gb=2.0, energy=5.0),
    make_candidate("four", 1, latency=0.02, sample_time=0.005, memory_gb=4.0, energy=3.0),
    make_candidate("many", 2, latency=0.1, sample_time=0.002, memory_gb=16.0, energy=1.0),
)


@pytest.mark.parametrize(
    ("limits", "beyond"),
    [
        ({"max_latency_s": 0.02}, ("many",)),
        ({"max_memory_gb": 3.9}, ("four", "many")),
        ({"max_energy_j": 2.0}, ("one", "four")),
        ({"max_latency_s": 0.02, "max_energy_j": 3.0}, ("one", "many")),
    ],
)
def test_a_setting_beyond_a_limit_is_not_named(limits, beyond):
    decision = decide(*LADDER, limits=Limits(**limits))
    assert decision.beyond == beyond
    assert not set(name_chosen(decision).values()) & set(beyond)


def test_what_was_not_measured_keeps_no_limit():
    decision = decide(
        make_candidate("base", 0),
        make_candidate("a", 1, memory_gb=1.0),
        limits=Limits(max_memory_gb=8.0),
    )
    assert decision.beyond == ("base",)


def test_a_floor_of_quality_takes_the_place_of_the_reference():
    candidates = (
        make_candidate("base", 0, quality=0.9),
        make_candidate("fair", 1, latency=0.05, quality=0.72),
        make_candidate("poor", 2, latency=0.01, quality=0.5),
    )
    decision = decide(*candidates, limits=Limits(min_quality=0.7))
    assert (decision.bar, decision.worse, decision.beyond) == (None, (), ("poor",))
    assert name_chosen(decision)["latency"] == "fair"
    assert name_chosen(decision)["quality"] == "base"
    errors = decide(*candidates, limits=Limits(min_quality=0.7), higher_is_better=False)
    assert errors.beyond == ("base", "fair")


def test_where_the_limits_leave_the_reference_out_the_best_answers_are_the_bar():
    decision = decide(
        make_candidate("base", 0, latency=1.0, quality=0.9),
        make_candidate("fair", 1, latency=0.05, quality=0.7),
        make_candidate("poor", 2, latency=0.01, quality=0.2),
        limits=Limits(max_latency_s=0.1),
    )
    assert (decision.bar, decision.worse) == ("fair", ("poor",))
    assert name_chosen(decision)["latency"] == "fair"


def test_where_nothing_keeps_the_limits_the_nearest_miss_is_named():
    decision = decide(*LADDER, limits=Limits(max_latency_s=0.005, max_memory_gb=1.0))
    assert decision.choices == ()
    assert decision.nearest == Nearest(
        "one", (Miss("max_latency_s", 0.01, 0.005), Miss("max_memory_gb", 2.0, 1.0))
    )
    floor = decide(*LADDER, limits=Limits(min_quality=0.9))
    assert floor.nearest == Nearest("one", (Miss("min_quality", 0.6, 0.9),))


def test_a_setting_that_was_not_measured_is_the_last_of_the_nearest():
    decision = decide(
        make_candidate("base", 0),
        make_candidate("a", 1, energy=9.0),
        limits=Limits(max_energy_j=1.0),
    )
    assert decision.nearest == Nearest("a", (Miss("max_energy_j", 9.0, 1.0),))


def test_a_single_setting_is_best_for_every_goal():
    decision = decide(make_candidate("base", 0, energy=1.0))
    assert name_chosen(decision) == dict.fromkeys(map(str, Goal), "base")


def test_nothing_is_chosen_from_nothing():
    empty = choose(make_contest(), Limits(max_latency_s=1.0))
    assert (empty.choices, empty.nearest) == ((), None)


def test_the_order_of_the_candidates_decides_nothing():
    contest = make_contest(*LADDER)
    turned = make_contest(*reversed(LADDER), reference="one")
    assert isinstance(turned, Contest)
    assert name_chosen(choose(turned, Limits())) == name_chosen(choose(contest, Limits()))
