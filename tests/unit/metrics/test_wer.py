import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics import wer
from vlmeter.metrics.base import Example
from vlmeter.metrics.text import words

# jiwer splits at spaces only, so it is asked to see every white space as one.
JIWER_NORMALISATION = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.RemovePunctuation(),
        jiwer.SubstituteRegexes({r"\s+": " "}),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)


def figures(*examples):
    return {score.name: score.contributions for score in wer.scores(examples)}


def test_corpus_wer_divides_the_sums_and_is_not_the_mean():
    scores = figures(Example("1", "a x", ("a b",)), Example("2", "c d e f", ("c d e f",)))
    assert scores["wer"].value == 1 / 6
    assert scores["wer_mean"].value == 0.25
    assert scores["wer_median"].value == 0.25


def test_wer_exceeds_one_where_mer_does_not():
    scores = figures(Example("1", "a cat on a sofa in the room", ("cat",)))
    assert scores["wer"].value == 7.0
    assert scores["mer"].value == 7 / 8


def test_case_punctuation_and_white_space_do_not_count():
    assert figures(Example("1", " A man,\triding.\n", ("a man riding",)))["wer"].value == 0


def test_an_empty_prediction_is_a_full_deletion():
    assert figures(Example("1", "?!", ("two words",)))["wer"].value == 1


def test_the_reference_with_the_lowest_rate_counts():
    [(counts, _)] = wer.best_counts([Example("1", "a b c d", ("x y", "a b c d e"))])
    assert (counts.errors, counts.reference_length) == (1, 5)


def test_of_equal_rates_the_fewest_errors_count():
    [(counts, _)] = wer.best_counts([Example("1", "q", ("x y", "x"))])
    assert (counts.errors, counts.reference_length) == (1, 1)


def test_an_empty_reference_among_several_is_left_out_and_said():
    scores = wer.scores([Example("1", "", ("a dog", "...", ""))])
    assert scores[0].contributions.value == 1
    assert scores[0].note == "2 empty references among several were not used"


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ((), "no reference"),
        (("", "  "), "empty reference"),
        (("?!",), "empty reference: nothing is left of it without punctuation"),
        (("?!", "a"), None),
    ],
)
def test_a_sample_without_a_usable_reference_has_a_reason(references, reason):
    assert wer.problem(Example("1", "a dog", references)) == reason


def test_no_samples_give_the_names_without_values():
    assert {name: len(each) for name, each in figures().items()} == {
        "wer": 0,
        "wer_mean": 0,
        "wer_median": 0,
        "mer": 0,
    }


texts = st.text(alphabet="abAB ,.-'\t\né€", max_size=20)


@given(texts)
def test_words_are_those_of_jiwers_transforms(text):
    assert [words(text)] == JIWER_NORMALISATION([text])


@given(st.lists(st.tuples(texts, texts.filter(words)), min_size=1, max_size=6))
@settings(max_examples=50)
def test_with_single_references_wer_and_mer_are_jiwers_own(pairs):
    scores = figures(*(Example(str(i), pair[0], (pair[1],)) for i, pair in enumerate(pairs)))
    output = jiwer.process_words(
        [pair[1] for pair in pairs],
        [pair[0] for pair in pairs],
        JIWER_NORMALISATION,
        JIWER_NORMALISATION,
    )
    assert scores["wer"].value == output.wer
    assert scores["mer"].value == output.mer


@given(st.lists(texts.filter(words), min_size=1, max_size=4), texts, texts.filter(words))
@settings(max_examples=50)
def test_another_reference_never_raises_a_samples_rate(references, prediction, another):
    fewer = figures(Example("1", prediction, tuple(references)))["wer"].value
    more = figures(Example("1", prediction, (*references, another)))["wer"].value
    assert more <= fewer


@given(
    st.lists(
        st.tuples(texts, st.lists(texts.filter(words), min_size=1, max_size=4)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=50)
def test_with_several_references_wer_is_jiwers_of_the_best_pairs(samples):
    def jiwers(references, predictions):
        return jiwer.process_words(
            references, predictions, JIWER_NORMALISATION, JIWER_NORMALISATION
        )

    def rank(reference, prediction):
        output = jiwers([reference], [prediction])
        return output.wer, output.substitutions + output.deletions + output.insertions

    best = [
        min(references, key=lambda reference, given=prediction: rank(reference, given))
        for prediction, references in samples
    ]
    expected = jiwers(best, [prediction for prediction, _ in samples])
    scores = figures(
        *(Example(str(i), text, tuple(refs)) for i, (text, refs) in enumerate(samples))
    )
    assert scores["wer"].value == pytest.approx(expected.wer, abs=1e-12)
