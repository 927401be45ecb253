"""Each family is asked in its own words, and every template can be filled and cut."""

import pytest
from transformers import (
    Blip2Config,
    GitConfig,
    InstructBlipConfig,
    LlavaConfig,
    PaliGemmaConfig,
)

from vlmeter.config.dataset import TEMPLATE_FIELDS, Task
from vlmeter.data.prompts import fit_prompt, render
from vlmeter.data.samples import Text
from vlmeter.models.families.prompts import family_prompts

OPT = Blip2Config()
T5 = Blip2Config(text_config={"model_type": "t5"})
FAMILIES = {
    "blip-2 with OPT": family_prompts(OPT, chat=False),
    "blip-2 with T5": family_prompts(T5, chat=False),
    "instructblip": family_prompts(InstructBlipConfig(), chat=False),
    "paligemma": family_prompts(PaliGemmaConfig(), chat=False),
    "a text to be continued": family_prompts(GitConfig(), chat=False),
    "a chat": family_prompts(LlavaConfig(), chat=True),
}


def text(question="Which?", context="", choices=("cat", "dog")):
    return Text("1", question, context, choices)


def asked(family, task, sample):
    return render(FAMILIES[family].template(task, sample), sample)


@pytest.mark.parametrize("task", ["vqa", "ocr"])
def test_blip_2_is_asked_as_in_its_paper(task):
    assert asked("blip-2 with OPT", task, text()) == "Question: Which? Answer:"
    assert asked("blip-2 with T5", task, text()) == "Question: Which? Short answer:"
    assert asked("blip-2 with OPT", "caption", text()) == ""


def test_blip_2_gets_context_and_options_in_one_line():
    words = asked("blip-2 with OPT", "multiple_choice", text(context="A farm."))
    assert words == "Context: A farm. Question: Which? Options: (A) cat (B) dog Answer:"
    without = asked("blip-2 with OPT", "multiple_choice", text())
    assert without == "Question: Which? Options: (A) cat (B) dog Answer:"


def test_a_chat_model_gets_the_plain_question_with_an_instruction():
    assert asked("a chat", "vqa", text()).startswith("Which?\n")
    assert asked("a chat", "multiple_choice", text(context="A farm.")) == (
        "Context: A farm.\nWhich?\nA. cat\nB. dog\n"
        "Answer with the option's letter from the given choices directly."
    )


def test_a_family_of_its_own_stays_its_own_with_a_chat_template():
    assert family_prompts(OPT, chat=True) == FAMILIES["blip-2 with OPT"]


@pytest.mark.parametrize("family", FAMILIES)
def test_reading_without_a_question_has_words(family):
    assert asked(family, "ocr", text(question="")).strip()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", Task.__args__)
def test_every_template_can_be_filled_and_cut(family, task):
    sample = text("which of them is it ?", "one two three four", ("cat", "dog"))
    template = FAMILIES[family].template(task, sample)
    whole = render(template, sample)
    fixed = render(template, Text("1", "", "", sample.choices))

    def count(prompt):
        return len(prompt.split())

    assert "{" not in whole
    assert all(template.count(f"{{{field}}}") <= 1 for field in TEMPLATE_FIELDS)
    cut = fit_prompt(template, sample, count(fixed) + 1, count).prompt(template, sample)
    assert count(cut.text) <= count(fixed) + 1
    kept = [word for word in cut.text.split() if word in fixed.split()]
    assert kept == fixed.split()
