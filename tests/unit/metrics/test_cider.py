import math

import pytest

from vlmeter.metrics import cider
from vlmeter.metrics.base import Example


def compute_cider_d(candidates, references):
    documents = cider.Documents(references)
    return [documents.compute_cider_d(*pair) for pair in zip(candidates, references, strict=True)]


def test_a_caption_equal_to_its_only_reference_scores_ten():
    captions = [list("abcde"), list("vwxyz")]
    values = compute_cider_d(captions, [[caption] for caption in captions])
    assert values == pytest.approx([10, 10], abs=1e-12)


def test_a_caption_of_a_single_word_scores_a_quarter():
    assert compute_cider_d([["a"], ["b"]], [[["a"]], [["b"]]]) == pytest.approx([2.5, 2.5])


def test_words_that_every_image_has_score_nothing():
    assert compute_cider_d([["a"], ["a"]], [[["a"]], [["a", "b"]]])[0] == 0


def test_a_longer_caption_is_penalised_by_the_gaussian():
    references = [[["a", "b"]], [["c"]]]
    [value, _] = compute_cider_d([["a", "b"], ["c"]], references)
    assert value == pytest.approx(5.0)
    [longer, _] = compute_cider_d([["a", "b", "a", "b"], ["c"]], references)
    # Unigrams: (1, 1) against (2, 2), clipped, has the cosine 1/2. Bigrams: "ab" twice and "ba"
    # once, clipped to a single "ab", have 1/sqrt(5). The lengths, 3 bigrams and 1, give exp(-4/72).
    expected = 10 * (0.5 + 1 / math.sqrt(5)) / 4 * math.exp(-4 / 72)
    assert longer == pytest.approx(expected, abs=1e-12)


def test_a_single_image_has_no_score_rather_than_zero():
    reason = "needs at least 2 images: with one, no n-gram is rarer than another"
    assert cider.unsuited([Example("1", "a", ("a",))]) == reason
    assert cider.unsuited([Example("1", "a", ("a",)), Example("2", "a", ("",))]) == reason
    assert cider.unsuited([Example("1", "a", ("a",)), Example("2", "a", ("b",))]) is None


def test_the_label_says_that_the_tokenizer_differs():
    [score] = cider.scores([Example("1", "A b.", ("a b", "!")), Example("2", "c", ("c",))])
    assert score.label == "CIDEr-D (no PTB tokenizer)"
    assert "2 evaluated images" in score.note
    assert score.contributions.per_sample.tolist() == pytest.approx([5, 2.5])
