"""A prompt that is too long is cut where that matters least."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vlmeter.data.prompts import Prompt, TemplateTooLongError, fit_prompt, render
from vlmeter.data.samples import Text


def count_words(prompt):
    """Count as a tokenizer with a token per word and a start token does."""
    return 1 + len(prompt.split())


def make_text(question="", context="", choices=()):
    return Text("7", question, context, tuple(choices))


def fit(template, max_tokens, count=count_words, **fields):
    sample = make_text(**fields)
    return fit_prompt(template, sample, max_tokens, count).prompt(template, sample)


QUESTION = "Question: {question} Answer:"
WITH_CONTEXT = "Context: {context} Question: {question} Answer:"


def test_fields_are_filled_in_and_choices_get_letters():
    sample = make_text("Which?", "Two were seen.", ("a cat", "a dog"))
    assert render("{context} {question}\n{choices}", sample) == (
        "Two were seen. Which?\nA. a cat\nB. a dog"
    )
    assert render("{question} {options}", sample) == "Which? (A) a cat (B) a dog"


def test_braces_within_a_sample_are_no_fields():
    assert render("{question}", make_text("what is {context}?")) == "what is {context}?"


def test_a_prompt_that_fits_is_not_cut():
    assert fit(QUESTION, 5, question="which colour") == Prompt(
        "Question: which colour Answer:", 5, truncated=False
    )


def test_the_question_is_cut_from_the_right_and_the_suffix_stays():
    assert fit(QUESTION, 5, question="which colour is it") == Prompt(
        "Question: which colour Answer:", 5, truncated=True
    )


def test_the_context_is_cut_before_the_question():
    prompt = fit(WITH_CONTEXT, 8, question="which colour", context="one two three four")
    assert prompt.text == "Context: one two Question: which colour Answer:"


def test_the_question_is_cut_when_no_context_is_left():
    prompt = fit(WITH_CONTEXT, 5, question="which colour", context="one two")
    assert prompt == Prompt("Context:  Question: which Answer:", 5, truncated=True)


def test_all_of_a_question_may_be_cut_but_nothing_of_the_template():
    assert fit(QUESTION, 3, question="which colour").text == "Question:  Answer:"
    with pytest.raises(TemplateTooLongError) as raised:
        fit(QUESTION, 2, question="which colour")
    assert str(raised.value) == (
        "has a prompt of 3 text tokens without question and context already, more than "
        "max_input_len 2"
    )


def test_choices_are_not_cut():
    with pytest.raises(TemplateTooLongError):
        fit("{question}\n{choices}", 4, question="which", choices=("a cat", "a dog"))


def test_an_empty_template_is_the_start_token_alone():
    assert fit("", 1) == Prompt("", 1, truncated=False)


def test_a_word_is_never_cut_in_half():
    def cut(question, max_letters):
        return fit("{question}", max_letters, len, question=question).text

    assert cut("black-and-white photograph", 20) == "black-and-white"
    assert cut("black photograph", 15) == "black"


def test_a_text_without_spaces_is_cut_at_the_limit():
    question = "这张照片里有什么动物以及它们在做什么事情请详细说明并且告诉我们在哪里拍的"
    assert fit("{question}", 35, len, question=question).text == question[:35]


def test_the_limit_holds_when_a_shorter_text_has_more_tokens():
    """The end of a text may form a token with the template: a shorter text can have more tokens."""

    def count(prompt):
        return 3 if prompt == "ab!" or len(prompt) > 10 else 2

    prompt = fit("{question}!", 2, count, question="ab cdefghi")
    assert prompt == Prompt("ab cdefgh!", 2, truncated=True)


pieces = st.text(st.sampled_from("ab é'-.,?\n\t日"), max_size=60)


@given(
    question=pieces,
    context=pieces,
    template=st.sampled_from([QUESTION, WITH_CONTEXT, "{question}", "{context}{question}!", "Go."]),
    max_tokens=st.integers(1, 30),
    size=st.sampled_from([1, 3]),
)
def test_a_prompt_never_has_more_tokens_than_allowed(question, context, template, max_tokens, size):
    def count(prompt):
        return 1 + sum(-(-len(word) // size) for word in prompt.split())

    sample = make_text(question, context)
    try:
        prompt = fit_prompt(template, sample, max_tokens, count).prompt(template, sample)
    except TemplateTooLongError:
        assert count(render(template, make_text())) > max_tokens
        return
    assert prompt.tokens == count(prompt.text) <= max_tokens
    assert prompt.truncated == (prompt.text != render(template, sample))


@given(question=pieces, max_tokens=st.integers(3, 30))
def test_the_beginning_of_the_question_is_kept_in_whole_words(question, max_tokens):
    prompt = fit("Q: {question} A:", max_tokens, question=question)
    assume(prompt.truncated)
    kept = prompt.text.removeprefix("Q: ").removesuffix(" A:")
    assert question.startswith(kept)
    rest = question[len(kept) :]
    assert not (kept and kept[-1].isalnum() and rest[0].isalnum())


@given(question=pieces, max_tokens=st.integers(3, 30))
def test_a_prompt_that_is_cut_is_as_long_as_allowed(question, max_tokens):
    prompt = fit("Q: {question} A:", max_tokens, question=question)
    assume(prompt.truncated)
    assert prompt.tokens == max_tokens
