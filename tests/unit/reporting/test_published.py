import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from study_factory import MadeStudy
from study_steps import render_all

from vlmeter.config.load import load_config
from vlmeter.errors import UserError
from vlmeter.reporting.published import read_published
from vlmeter.reporting.sections.published import compare_section, reproduce_counts
from vlmeter.reporting.sections.rows import collect_section_rows
from vlmeter.results.score_predictions import format_flops
from vlmeter.results.tables import read_summary
from vlmeter.study.outline import build_outline
from vlmeter.study.study import Study

ROOT = Path(__file__).parents[3]
FILE = ROOT / "report" / "published" / "blip2-opt-2.7b.yaml"
TOKENS = {"coco": 10, "scienceqa": 68, "textvqa": 16, "textvqa_first": 9}


@pytest.fixture(scope="module")
def architecture(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The published study's architecture with random weights, on a machine with a GPU."""
    study = Study(load_config(ROOT / "config" / "blip2-architecture.yaml"))
    made = MadeStudy(outline=build_outline(study), tokens=TOKENS, has_gpu=True)
    made.take_weights_away()
    folder = tmp_path_factory.mktemp("architecture")
    return made, render_all(made, folder, draw=False, published=FILE)


def compare_made_section(architecture: Any, name: str) -> Any:
    made, files = architecture
    (section,) = [section for section in made.outline.sections if section.name == name]
    labels = made.outline.labels.datasets
    rows = collect_section_rows(section, labels, read_summary(files.summary))
    return compare_section(read_published(FILE), name, rows)


def test_the_file_holds_every_published_cell():
    sections = read_published(FILE).sections
    assert {name: len(section.cells) for name, section in sections.items()} == {
        **{"batch_size": 4, "image_size": 9, "input_length": 9, "optimization": 3, "device": 2},
    }
    figures = [cell for section in sections.values() for cell in section.cells if not cell.status]
    assert len(figures) == 26
    assert all(
        None not in (cell.wer, cell.latency_s, cell.energy_j, cell.flops) for cell in figures
    )


def test_the_file_agrees_with_itself():
    published = read_published(FILE)
    for count in published.counts:
        assert format_flops(count.flops) == count.text
        # 751.06 GFLOP at 9 text tokens, and 5.32 GFLOP more per further token.
        computed = count.samples * (751.06e9 + 5.32e9 * (count.text_tokens - 9))
        assert computed == pytest.approx(count.flops, rel=2e-3)
    used = {
        cell.flops
        for section in published.sections.values()
        for cell in section.cells
        if cell.flops
    }
    assert used == set(published.counts)
    named_notes = {
        note
        for section in published.sections.values()
        for notes in (section.notes, *(cell.notes for cell in section.cells))
        for note in notes
    }
    assert named_notes == set(published.notes)


def test_both_published_studies_name_the_file():
    for name in ("config.yaml", "blip2-architecture.yaml"):
        config = load_config(ROOT / "config" / name)
        assert config.report.published == FILE.stem
        names = {section.name for section in config.sections}
        assert names == set(read_published(FILE).sections)
    assert load_config(ROOT / "config" / "demo.yaml").report.published is None


def test_published_and_measured_stand_side_by_side(architecture):
    comparison = compare_made_section(architecture, "batch_size")
    assert comparison.table.headings == (
        *("Batch", "WER", "Latency (ms/batch)", "Energy (J/sample)", "FLOPs (TFLOP/batch)"),
        *("Published FLOPs are of", "Notes"),
    )
    first, _, eight, _ = comparison.table.rows
    assert first[1] == "3.75 / not measured: random weights"
    assert first[2].startswith("32.5 / ")
    assert first[4:] == ("0.751 / 0.788 (x 1.05)", "1 sample of 9 text tokens", "1")
    assert eight[4:] == ("3.15 / 6.31 (x 2.00)", "4 samples of 16 text tokens", "2")
    assert comparison.notes[0].startswith("The published section names no data set")
    assert comparison.notes[1].startswith("1: What was counted at batch 1")
    assert comparison.notes[2].startswith("2: The published FLOPs are those of the last batch")


def test_cells_are_matched_by_data_set_and_a_copied_cell_is_named(architecture):
    comparison = compare_made_section(architecture, "input_length")
    assert len(comparison.table.rows) == 9
    (copied,) = [row for row in comparison.table.rows if row[-1]]
    assert copied[:2] == ("50", "ScienceQA (68 tokens)")
    assert copied[6] == "12 samples of 16 text tokens"
    assert "ScienceQA repeats TextVQA to the last digit" in comparison.notes[-1]


def test_what_could_not_be_used_then_and_now_says_both(architecture):
    comparison = compare_made_section(architecture, "optimization")
    assert comparison.table.rows[-1][:5] == ("Flash", "can't be used / unsupported", "–", "–", "–")


def test_a_section_without_a_data_set_takes_that_of_the_study(architecture):
    assert [row[0] for row in compare_made_section(architecture, "device").table.rows] == [
        "GPU",
        "CPU",
    ]


def test_a_section_that_nobody_published_has_no_such_table(architecture):
    made, files = architecture
    rows = collect_section_rows(
        made.outline.sections[0], made.outline.labels.datasets, read_summary(files.summary)
    )
    assert compare_section(read_published(FILE), "something_else", rows) is None


def test_every_published_count_is_reproduced_from_the_cells_tokens(architecture):
    made, files = architecture
    rows = list(read_summary(files.summary).values())
    result = reproduce_counts(read_published(FILE), made.outline.base, rows)
    assert result.verdict == "Every published FLOP count is reproduced: all 5, within 0.16 %."
    assert result.counts.rows[0] == (
        *("751.3 GFLOPS", "1 sample of 9 text tokens"),
        *("751.08 GFLOP", "751.08 GFLOP", "-0.03 %"),
    )
    assert result.setting == "Its base has the same settings as this study's."
    for name in ("report.md", "study.html"):
        text = (files.folder / name).read_text()
        assert "Every published FLOP count is reproduced" in text
        assert "a published difference of up to 25 % may be chance" in text


def test_counts_without_a_cell_of_that_length_are_not_called_reproduced(architecture):
    made, files = architecture
    rows = [row for row in read_summary(files.summary).values() if row.text_tokens != 68]
    published = read_published(FILE)
    result = reproduce_counts(published, made.outline.base, rows)
    assert result.verdict == (
        "4 of the 5 published FLOP counts are reproduced, within 0.10 %; for 1 no setting has that "
        "many text tokens."
    )
    assert result.counts.rows[-1][2:] == ("–", "–", "no setting has that many text tokens")
    assert reproduce_counts(published, made.outline.base, []).verdict.startswith("None of the")


def test_a_count_that_deviates_is_named(architecture):
    made, files = architecture
    rows = [
        replace(row, flops_per_sample=row.flops_per_sample * 1.2) if row.text_tokens == 9 else row
        for row in read_summary(files.summary).values()
    ]
    base = replace(made.outline.base, device="cpu", dtype="bf16")
    result = reproduce_counts(read_published(FILE), base, rows)
    assert result.verdict == (
        "4 of the 5 published FLOP counts are reproduced, within 0.16 %; 1 off by more than 0.5 %."
    )
    assert result.setting == (
        "Its base has other settings: device GPU (here CPU) and dtype fp16 (here bf16). Ratios "
        "compare across them."
    )


def test_cells_of_another_model_reproduce_nothing(architecture):
    made, files = architecture
    rows = [replace(row, model="another") for row in read_summary(files.summary).values()]
    result = reproduce_counts(read_published(FILE), made.outline.base, rows)
    assert result.verdict.startswith("None of the published FLOPs can be computed")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_note_is_named_in_either_form_of_unicode(tmp_path, form):
    path, named = tmp_path / "own.yaml", unicodedata.normalize(form, "écart")
    lines = [
        "label: x",
        "notes: {écart: words}",
        f"sections: {{s: {{cells: [], notes: [{named}]}}}}",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    published = read_published(path)
    assert [published.notes[name] for name in published.sections["s"].notes] == ["words"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label: [", "cannot be read as YAML"),
        ("- 1", "is no file of published figures"),
        ("label: x", "KeyError: 'sections'"),
        ("label: x\nsections: {s: {cells: [{values: {}, flops: 1 GFLOPS}]}}", "'1 GFLOPS'"),
        ("label: x\nsections: {s: {cells: [], notes: [unheard]}}", "notes.unheard"),
        ("label: x\nsections: {s: {cells: [{values: {}, latency: fast}]}}", "ValueError"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, text, words):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_published(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"report\.published"):
        read_published(tmp_path / "none.yaml")
