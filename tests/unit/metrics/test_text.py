from vlmeter.metrics import anls, exact_match, token_f1
from vlmeter.metrics.base import Example


def score_samples(metric, *examples):
    [score] = metric.scores(examples)
    return score.contributions.per_sample.tolist()


def test_exact_match_takes_any_reference():
    assert score_samples(
        exact_match,
        Example("1", "The Stop!", ("go", "stop")),
        Example("2", "stop it", ("stop",)),
    ) == [1.0, 0.0]


def test_token_f1_takes_the_best_reference():
    assert score_samples(token_f1, Example("1", "red car", ("blue bus", "red bus", ""))) == [0.5]


def test_anls_takes_the_best_reference_and_is_0_from_a_distance_of_half():
    assert score_samples(
        anls,
        Example("1", "abcd", ("abxx", "abcx")),
        Example("2", "abcd", ("abxx",)),
        Example("3", "", ("a",)),
    ) == [0.75, 0.0, 0.0]


def test_an_empty_prediction_does_not_match_a_blank_reference():
    assert score_samples(exact_match, Example("1", "", (" ", "x"))) == [0.0]
    assert score_samples(token_f1, Example("1", "", (" ", "x"))) == [0.0]


def test_a_sample_with_only_blank_references_is_bad():
    for metric in (exact_match, token_f1, anls):
        assert metric.METRIC.problem(Example("1", "x", (" ",))) == "empty reference"
        assert metric.METRIC.problem(Example("1", "x")) == "no reference"
        assert metric.METRIC.problem(Example("1", "x", (" ", "y"))) is None
