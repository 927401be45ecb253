"""Prompts are cut to a length where it hurts least."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vlmeter.data.prompts import Prompt, TemplateTooLongError, fit_prompt, render
from vlmeter.data.samples import Text


def words(prompt):
    """Count as a tokenizer with one token per word and a start token does."""
    return 1 + len(prompt.split())


def text(question="", context="", choices=()):
    return Text("7", question, context, tuple(choices))


def fitted(template, most, count=words, **fields):
    sample = text(**fields)
    return fit_prompt(template, sample, most, count).prompt(template, sample)


ASKED = "Question: {question} Answer:"
WITH_CONTEXT = "Context: {context} Question: {question} Answer:"


def test_fields_are_filled_in_and_choices_get_letters():
    sample = text("Which?", "Two were seen.", ("a cat", "a dog"))
    assert render("{context} {question}\n{choices}", sample) == (
        "Two were seen. Which?\nA. a cat\nB. a dog"
    )
    assert render("{question} {options}", sample) == "Which? (A) a cat (B) a dog"


def test_braces_within_a_sample_are_no_fields():
    assert render("{question}", text("what is {context}?")) == "what is {context}?"


def test_a_prompt_that_fits_is_left_alone():
    assert fitted(ASKED, 5, question="which colour") == Prompt(
        "Question: which colour Answer:", 5, truncated=False
    )


def test_the_question_is_cut_from_the_right_and_the_suffix_stays():
    assert fitted(ASKED, 5, question="which colour is it") == Prompt(
        "Question: which colour Answer:", 5, truncated=True
    )


def test_the_context_is_cut_before_the_question():
    prompt = fitted(WITH_CONTEXT, 8, question="which colour", context="one two three four")
    assert prompt.text == "Context: one two Question: which colour Answer:"


def test_the_question_is_cut_when_no_context_is_left():
    prompt = fitted(WITH_CONTEXT, 5, question="which colour", context="one two")
    assert prompt == Prompt("Context:  Question: which Answer:", 5, truncated=True)


def test_a_question_may_vanish_the_template_not():
    assert fitted(ASKED, 3, question="which colour").text == "Question:  Answer:"
    with pytest.raises(TemplateTooLongError) as told:
        fitted(ASKED, 2, question="which colour")
    assert str(told.value) == (
        "sample 7: without question and context its prompt still has 3 text tokens, "
        "more than max_input_len 2"
    )


def test_choices_are_no_part_that_may_be_cut():
    with pytest.raises(TemplateTooLongError):
        fitted("{question}\n{choices}", 4, question="which", choices=("a cat", "a dog"))


def test_an_empty_template_is_the_start_token_alone():
    assert fitted("", 1) == Prompt("", 1, truncated=False)


def test_half_a_word_is_never_left():
    def letters(prompt):
        return len(prompt)

    def kept(question, most):
        return fitted("{question}", most, letters, question=question).text

    assert kept("black-and-white photograph", 20) == "black-and-white"
    assert kept("black photograph", 15) == "black"


def test_a_script_without_spaces_is_cut_where_it_must_be():
    question = "这张照片里有什么动物以及它们在做什么事情请详细说明并且告诉我们在哪里拍的"
    assert fitted("{question}", 35, len, question=question).text == question[:35]


def test_a_count_that_grows_when_a_word_goes_is_obeyed():
    """Where a text ends, letters may join the template's: a shorter one can have more tokens."""

    def count(prompt):
        return 3 if prompt == "ab!" or len(prompt) > 10 else 2

    prompt = fitted("{question}!", 2, count, question="ab cdefghi")
    assert prompt == Prompt("ab cdefgh!", 2, truncated=True)


pieces = st.text(st.sampled_from("ab é'-.,?\n\t日"), max_size=60)


@given(
    question=pieces,
    context=pieces,
    template=st.sampled_from([ASKED, WITH_CONTEXT, "{question}", "{context}{question}!", "Go."]),
    most=st.integers(1, 30),
    size=st.sampled_from([1, 3]),
)
def test_there_are_never_more_tokens_than_allowed(question, context, template, most, size):
    def count(prompt):
        return 1 + sum(-(-len(word) // size) for word in prompt.split())

    sample = text(question, context)
    try:
        prompt = fit_prompt(template, sample, most, count).prompt(template, sample)
    except TemplateTooLongError:
        assert count(render(template, text())) > most
        return
    assert prompt.tokens == count(prompt.text) <= most
    assert prompt.truncated == (prompt.text != render(template, sample))


@given(question=pieces, most=st.integers(3, 30))
def test_what_is_kept_is_the_questions_beginning_in_whole_words(question, most):
    prompt = fitted("Q: {question} A:", most, question=question)
    assume(prompt.truncated)
    kept = prompt.text.removeprefix("Q: ").removesuffix(" A:")
    assert question.startswith(kept)
    rest = question[len(kept) :]
    assert not (kept and kept[-1].isalnum() and rest[0].isalnum())


@given(question=pieces, most=st.integers(3, 30))
def test_one_more_word_would_not_have_fitted(question, most):
    prompt = fitted("Q: {question} A:", most, question=question)
    assume(prompt.truncated)
    assert prompt.tokens == most
