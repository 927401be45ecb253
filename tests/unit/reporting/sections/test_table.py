"""A section's figures in the unit of their column, and the prompts and decoding behind them."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_factory import make_row
from study_factory import MadeStudy
from study_steps import render_all

from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.sections.table import build_section_table
from vlmeter.reporting.table import Table
from vlmeter.results.summary_row import SummaryRow

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


def tabulate(*rows: SummaryRow) -> Table:
    """Return the table of a section of these rows; `cell` is the label."""
    places = tuple(Place(row.cell, {}, "COCO", row) for row in rows)
    return build_section_table(SectionRows((), False, places, ())).table


def read_column(table: Table, heading: str) -> tuple[str, list[str]]:
    """Return a column's unit and its texts."""
    (place,) = [place for place, text in enumerate(table.headings) if text.startswith(heading)]
    unit = re.fullmatch(rf"{heading} \((\w+).*\)", table.headings[place])
    return (unit[1] if unit else ""), [row[place] for row in table.rows]


FACTORS = {"µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3}
COSTS = (
    ("Latency", "s", "latency", ("latency_low_s", "latency_high_s")),
    ("Energy", "J", "energy", ("energy_low_j", "energy_high_j")),
)


@pytest.mark.parametrize(("heading", "base", "value", "ends"), COSTS, ids=["latency", "energy"])
@given(sizes=st.lists(st.floats(3e-6, 900.0), min_size=1, max_size=4))
@settings(max_examples=20)
def test_a_cost_and_its_brackets_are_in_the_unit_of_the_column(heading, base, value, ends, sizes):
    rows = [make_row(**{value: size, ends[0]: size * 0.9, ends[1]: size * 1.2}) for size in sizes]
    unit, texts = read_column(tabulate(*rows), heading)
    factor = FACTORS[unit.removesuffix(base)]
    for size, text in zip(sizes, texts, strict=True):
        shown = [float(number) * factor for number in re.findall(r"[\d.e+-]+", text)]
        assert shown == pytest.approx([size, size * 0.9, size * 1.2], rel=6e-3)
        assert re.fullmatch(r"\S+ \[\S+, \S+\]", text)


def test_a_quality_has_its_own_brackets():
    errors = {"wer_value": 0.5, "wer_low": 0.4, "wer_high": 0.7}
    task = {"task_value": 0.3, "task_low": 0.2, "task_high": 0.35, "task_metric_label": "ANLS"}
    table = tabulate(make_row(**errors, **task))
    assert read_column(table, "WER")[1] == ["0.500 [0.400, 0.700]"]
    assert read_column(table, "ANLS")[1] == ["0.300 [0.200, 0.350]"]


def test_a_column_without_an_interval_has_no_brackets():
    table = tabulate(make_row(latency=0.02, energy=3.0))
    assert read_column(table, "Latency") == ("ms", ["20.0"])
    assert read_column(table, "Energy") == ("J", ["3.00"])


def test_the_peak_is_that_of_the_cell_s_device():
    on_gpu = make_row(
        device="cuda",
        peak_memory_bytes=8_000_000_000,
        peak_allocated_bytes=8_000_000_000,
        peak_rss_bytes=15_000_000_000,
    )
    assert read_column(tabulate(on_gpu), "Peak memory") == ("GB", ["8.00"])


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"disturbed": True}, "disturbed"),
        ({"latency_steady": False}, "times not steady"),
        ({"target_missed": "latency: ± 0.1 instead of ± 0.02"}, "interval wider than asked for"),
        ({"truncated_samples": 3}, "3 texts cut"),
        ({"batch_repeats": True}, "samples repeat in a batch"),
    ],
)
def test_what_a_reader_must_know_of_a_row_marks_that_row_alone(values, note):
    table = tabulate(make_row(cell="plain"), make_row(cell="marked", **values))
    assert read_column(table, "Notes")[1] == ["", note]
    sound = {"disturbed": False, "latency_steady": True, "truncated_samples": 0}
    assert "Notes" not in tabulate(make_row(**sound, batch_repeats=False)).headings
