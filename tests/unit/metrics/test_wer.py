import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics import wer
from vlmeter.metrics.base import Example
from vlmeter.metrics.text import split_words

# jiwer splits only at spaces, so other white space is replaced by spaces first.
JIWER_NORMALISATION = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.RemovePunctuation(),
        jiwer.SubstituteRegexes({r"\s+": " "}),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)


def score(*examples):
    return {score.name: score.contributions for score in wer.scores(examples)}


def test_corpus_wer_divides_the_sums_and_is_not_the_mean():
    scores = score(Example("1", "a x", ("a b",)), Example("2", "c d e f", ("c d e f",)))
    assert scores["wer"].value == 1 / 6
    assert scores["wer_mean"].value == 0.25
    assert scores["wer_median"].value == 0.25


def test_wer_exceeds_one_where_mer_does_not():
    scores = score(Example("1", "a cat on a sofa in the room", ("cat",)))
    assert scores["wer"].value == 7.0
    assert scores["mer"].value == 7 / 8


def test_case_punctuation_and_white_space_do_not_count():
    assert score(Example("1", " A man,\triding.\n", ("a man riding",)))["wer"].value == 0


def test_an_empty_prediction_is_a_full_deletion():
    assert score(Example("1", "?!", ("two words",)))["wer"].value == 1


def test_the_reference_with_the_lowest_rate_counts():
    [(counts, _)] = wer.count_best_edits([Example("1", "a b c d", ("x y", "a b c d e"))])
    assert (counts.errors, counts.reference_length) == (1, 5)


def test_of_equal_rates_the_fewest_errors_count():
    [(counts, _)] = wer.count_best_edits([Example("1", "q", ("x y", "x"))])
    assert (counts.errors, counts.reference_length) == (1, 1)


def test_an_empty_reference_among_several_is_left_out_and_noted():
    scores = wer.scores([Example("1", "", ("a dog", "...", ""))])
    assert scores[0].contributions.value == 1
    assert scores[0].note == "empty references among several, not used: 2"


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


def test_without_samples_the_figures_are_empty():
    assert {name: len(contributions) for name, contributions in score().items()} == {
        "wer": 0,
        "wer_mean": 0,
        "wer_median": 0,
        "mer": 0,
        "cer": 0,
    }


texts = st.text(alphabet="abAB ,.-'\t\né€", max_size=20)


@given(texts)
def test_words_equal_those_of_jiwer_s_transforms(text):
    assert [split_words(text)] == JIWER_NORMALISATION([text])


@given(st.lists(st.tuples(texts, texts.filter(split_words)), min_size=1, max_size=6))
@settings(max_examples=50)
def test_with_single_references_wer_and_mer_equal_jiwer_s(pairs):
    scores = score(*(Example(str(i), pair[0], (pair[1],)) for i, pair in enumerate(pairs)))
    output = jiwer.process_words(
        [pair[1] for pair in pairs],
        [pair[0] for pair in pairs],
        JIWER_NORMALISATION,
        JIWER_NORMALISATION,
    )
    assert scores["wer"].value == output.wer
    assert scores["mer"].value == output.mer


@given(
    st.lists(texts.filter(split_words), min_size=1, max_size=4), texts, texts.filter(split_words)
)
@settings(max_examples=50)
def test_another_reference_never_raises_the_rate_of_a_sample(references, prediction, another):
    fewer = score(Example("1", prediction, tuple(references)))["wer"].value
    more = score(Example("1", prediction, (*references, another)))["wer"].value
    assert more <= fewer


@given(
    st.lists(
        st.tuples(texts, st.lists(texts.filter(split_words), min_size=1, max_size=4)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=50)
def test_with_several_references_wer_equals_jiwer_s_of_the_best_pairs(samples):
    def process(references, predictions):
        return jiwer.process_words(
            references, predictions, JIWER_NORMALISATION, JIWER_NORMALISATION
        )

    def rank(reference, prediction):
        output = process([reference], [prediction])
        return output.wer, output.substitutions + output.deletions + output.insertions

    best = [
        min(references, key=lambda reference, given=prediction: rank(reference, given))
        for prediction, references in samples
    ]
    expected = process(best, [prediction for prediction, _ in samples])
    scores = score(*(Example(str(i), text, tuple(refs)) for i, (text, refs) in enumerate(samples)))
    assert scores["wer"].value == pytest.approx(expected.wer, abs=1e-12)


def test_cer_counts_characters_of_the_best_reference_as_jiwer_does():
    scores = score(Example("1", "a red fux", ("the sea", "a red fox")), Example("2", "up", ("up",)))
    assert scores["cer"].value == 1 / 11
    assert scores["cer"].value == jiwer.cer(["a red fox", "up"], ["a red fux", "up"])


@pytest.mark.parametrize("text", ["一只红色的狐狸在雪地里", "สุนัขวิ่ง", "きつねがいる"])
def test_where_words_have_no_spaces_wer_says_so_and_cer_shows_the_one_wrong_character(text):
    by_name = {score.name: score for score in wer.scores([Example("1", f"x{text[1:]}", (text,))])}
    assert by_name["wer"].contributions.value == 1
    # Combining marks go with the punctuation of no script: each character counts.
    assert by_name["cer"].contributions.value == 1 / len(text)
    assert "without spaces between words" in (by_name["wer"].note or "")
    assert "read CER" in (by_name["wer"].note or "")


@pytest.mark.parametrize("text", ["ein Fuchs", "лиса в снегу", "여우가 눈 속에", "cáo đỏ"])
def test_where_words_have_spaces_wer_says_nothing(text):
    [score, *_] = wer.scores([Example("1", text, (text,))])
    assert score.note is None
