"""The report shows the prompts of the model and the decoding of its answers."""

from dataclasses import replace
from typing import Any

from study_factory import MadeStudy
from study_steps import render_all

GREEDY = {
    "method": "greedy",
    "do_sample": False,
    "max_new_tokens": 12,
    "num_beams": 1,
    "length_penalty": 1.0,
    "min_new_tokens": 0,
    "repetition_penalty": 1.0,
    "eos_token_ids": [50118],
    "pad_token_id": 1,
    "padding_side": "left",
}
TEMPLATES = {
    "bare": {"{question}": 300},
    "family": {"Context: {context} Q: {question}\nA:": 200, "Q: {question}\nA:": 100},
}


def make_study(**decoding: Any) -> MadeStudy:
    """Make a study whose first section compares two prompts."""
    made = MadeStudy()
    first, *others = made.outline.sections
    cells = []
    for entry, (name, templates) in zip(first.cells, TEMPLATES.items(), strict=False):
        cells.append(replace(entry, values={"prompt": name}, label=name))
        record = made.records[entry.key]
        record["cell"]["prompt"] = name
        record["input"]["prompt_templates"] = templates
        record["decoding"] = {**GREEDY, **decoding}
    section = replace(first, varied={"prompt": tuple(TEMPLATES)}, cells=tuple(cells))
    made.edit_outline(sections=(section, *others))
    return made


def render_pages(study: MadeStudy, folder: Any) -> tuple[str, str]:
    render_all(study, folder, draw=False)
    return (folder / "report.md").read_text(), (folder / "study.html").read_text()


def test_a_section_that_compares_prompts_says_what_they_are(tmp_path):
    report, page = render_pages(make_study(), tmp_path)
    for words in (
        "Prompt bare: “{question}”.",
        "Prompt family: “Context: {context} Q: {question}↵A:” or “Q: {question}↵A:”.",
    ):
        assert report.count(words) == page.count(words) == 1


def test_every_prompt_that_was_used_stands_among_what_figures_mean(tmp_path):
    report, page = render_pages(MadeStudy(), tmp_path)
    assert report.count("- **prompt of TextVQA, bare**: “{question}”") == 1
    assert "Prompt bare" not in report
    assert "<strong>prompt of TextVQA, bare</strong>: “{question}”" in page


def test_an_empty_template_is_the_image_alone(tmp_path):
    made = make_study()
    for record in made.records.values():
        if record["status"] == "ok":
            record["input"]["prompt_templates"] = {"": 300}
    assert "- **prompt of COCO, bare**: the image alone" in render_pages(made, tmp_path)[0]


def test_the_report_names_the_decoding(tmp_path):
    report, _ = render_pages(make_study(), tmp_path)
    assert (
        "- **decoding of TextVQA**: greedy; at most 12 new tokens; end of answer: token 50118; "
        "padding on the left"
    ) in report


def test_the_report_names_the_settings_of_a_beam_search(tmp_path):
    settings = {
        "method": "beam search",
        "num_beams": 5,
        "length_penalty": -1.0,
        "min_new_tokens": 2,
        "repetition_penalty": 1.5,
        "eos_token_ids": [],
    }
    report, _ = render_pages(make_study(**settings), tmp_path)
    assert (
        "beam search of 5 beams, length penalty -1; at most 12 new tokens; at least 2; "
        "repetition penalty 1.5; end of answer: token none; padding on the left"
    ) in report
