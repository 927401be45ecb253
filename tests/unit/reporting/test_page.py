import json
import re

from markdown_it import MarkdownIt
from markdown_it.token import Token
from study_factory import AXES, MadeStudy, cell_id
from study_steps import render_all

FOUR = ["wer_value", "latency", "energy", "flops"]


def parse(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def list_headings(text: str) -> list[tuple[str, str]]:
    tokens = parse(text)
    return [
        (token.tag, tokens[place + 1].content)
        for place, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def by_value(values: list[str]) -> list[tuple[str, str]]:
    names = [("h5", name) for name in ("COCO", "ScienceQA", "TextVQA")]
    return [heading for value in values for heading in (("h4", value), *names)]


def test_headings_stand_in_the_sources_order(rendered):
    assert list_headings((rendered.folder / "report.md").read_text()) == [
        ("h2", "Salesforce/blip2-opt-2.7b"),
        ("h3", "The answer"),
        *(("h4", name) for name in ("TextVQA", "COCO", "ScienceQA")),
        *(
            ("h4", name)
            for name in ("What was not measured, and why", "Reliability and provenance")
        ),
        ("h3", "1) batch_size: 1, 4, 8, 16"),
        *(("h4", value) for value in ("1", "4", "8", "16")),
        ("h3", "2) Image size"),
        *by_value(["224", "336", "448"]),
        ("h3", "3) Input Length (224 image)"),
        *by_value(["200", "100", "50"]),
        ("h3", "4) Optimization"),
        *(("h4", value) for value in ("Eager", "Compile", "Flash")),
        ("h3", "5) GPU vs CPU"),
        *(("h4", value) for value in ("GPU", "CPU")),
        ("h3", "Time of a request"),
        ("h3", "What answers cost, and what fits"),
        ("h3", "Time by layer"),
        ("h3", "Do the settings change the answers?"),
        ("h3", "Sample answers"),
        *(("h4", name) for name in ("TextVQA", "COCO", "ScienceQA")),
        ("h3", "What the values mean"),
        ("h3", "What was not measured"),
        ("h3", "Where it comes from"),
    ]


def test_the_base_config_reads_as_in_the_source(rendered):
    text = (rendered.folder / "report.md").read_text()
    assert text.startswith(
        "## Salesforce/blip2-opt-2.7b\n\n"
        "Base config:\n\n"
        "Speed:\n- device - **cpu**\n- optimization - **fp32, eager**\n\n"
        "Quality (3 datasets: COCO, ScienceQA, TextVQA):\n"
        "- img_size - **224**\n- batch_size - **1**\n- max_input_len - **200**\n\n"
        "### The answer\n\n"
        "19 of 21 settings were measured, 1 unsupported, 1 unavailable."
    )


def test_every_measured_cell_is_a_json_block_of_the_sources_four_keys(rendered):
    blocks = [
        token.content
        for token in parse((rendered.folder / "report.md").read_text())
        if token.type == "fence"
    ]
    study = MadeStudy()
    expected = [
        [study.records[entry.key][name] for name in FOUR]
        for section in study.outline.sections
        for entry in section.cells
        if study.records[entry.key]["status"] == "ok"
    ]
    cells = [json.loads(block) for block in blocks]
    assert [list(cell) for cell in cells] == [FOUR] * len(expected)
    assert [list(cell.values()) for cell in cells] == expected
    assert len(cells) == 4 + 9 + 9 + 2 + 1


def test_a_cell_without_figures_says_why_in_their_place(rendered):
    text = (rendered.folder / "report.md").read_text()
    assert (
        "#### Flash\n\n**unsupported**: Blip2ForConditionalGeneration does not support "
        "Flash Attention 2.0 yet.\n\n| Optimization |"
    ) in text
    assert "#### GPU\n\n**unavailable**: this machine has no cuda device\n\n#### CPU\n\n```" in text


def test_a_table_has_metrics_with_intervals_status_and_marks(rendered):
    text = (rendered.folder / "report.md").read_text()
    assert (
        "| Input length | Data set | WER | Task metric | Latency (ms/batch) "
        "| Energy (J/sample) | Peak memory (GB) | Notes |\n"
    ) in text
    row = next(line for line in text.splitlines() if line.startswith("| 100 | COCO |"))
    record = MadeStudy().records["coco", cell_id({**AXES, "batch_size": 16, "max_input_len": 100})]
    ms, joules = record["latency"] * 1e3, record["energy"]
    # As the records are made: latency within 2.5 %, energy within 4 %, 15.4 GB and 90 MB a sample.
    assert row == (
        "| 100 | COCO | 0.995 [0.955, 1.04] | 0.610 [0.573, 0.647] "
        f"| {ms:.0f} [{ms * 0.975:.0f}, {ms * 1.025:.0f}] "
        f"| {joules:.2f} [{joules * 0.96:.2f}, {joules * 1.04:.2f}] | 16.8 | = A |"
    )
    assert (
        "\nTask metric: CIDEr-D for COCO, Accuracy for ScienceQA and VQA accuracy for TextVQA.\n"
    ) in text
    assert re.search(r"^A: identical input \(COCO at 200, 100 and 50\); ", text, re.MULTILINE)
    assert "A: identical input after the processor's resize (COCO at 224, 336 and 448)" in text
    assert next(x for x in text.splitlines() if x.startswith("| 50 | ScienceQA")).endswith(
        "| 12 texts cut |"
    )
    assert "| Device | Status | WER | VQA accuracy | Latency" in text


def test_no_table_is_wider_than_eight_columns(rendered):
    lines = (rendered.folder / "report.md").read_text().splitlines()
    assert max(line.count("|") - 1 for line in lines if line.startswith("| ---")) == 8


def test_each_section_has_a_figure(rendered):
    text = (rendered.folder / "report.md").read_text()
    assert re.findall(r"^!\[.*\]\((.*)\)$", text, re.MULTILINE) == [
        f"figures/{name}.svg"
        for name in (
            *("tradeoff", "forest", "batch_size", "image_size", "input_length"),
            *("optimization", "device", "requests", "layers"),
        )
    ]


def test_what_was_not_measured_is_listed_with_bad_samples(rendered):
    text = (rendered.folder / "report.md").read_text()
    lost = text.split("\n### What was not measured")[1].split("### Where")[0]
    assert lost.count("**unsupported**") == 1
    assert lost.count("**unavailable**") == 1
    assert "- COCO: q17: the image is cut short\n" in lost


def test_provenance_names_sources_and_machine_but_not_the_host(rendered):
    text = (rendered.folder / "report.md").read_text()
    assert "| Salesforce/blip2-opt-2.7b | Model, 3.74 G parameters | " in text
    assert "| COCO | Data set, caption | org/coco | not recorded | " in text
    assert "| 59a1ef6c1e51 | 5a5a5a5a5a5a | MIT |" in text
    assert "| ScienceQA | Data set, multiple choice | org/scienceqa |" in text
    assert "Attention of Salesforce/blip2-opt-2.7b: vision: eager; prefill: eager." in text
    assert "| CPU | Example CPU @ 2.50GHz, 2 cores, 4 threads |" in text
    assert "| Idle power | CPU 1.60 W, memory 20.0 W |" in text
    assert text.count("| Commit | 0123abcdef0123abcdef |") == 1
    assert "Settings that were measured otherwise than most" not in text
    for page in ("report.md", "study.html"):
        assert "must-not-be-shown" not in (rendered.folder / page).read_text()


def test_a_study_in_which_everything_failed_is_still_a_report(failed):
    text = (failed.folder / "report.md").read_text()
    assert "0 of 21 settings were measured, 21 crashed." in text
    assert "```" not in text
    assert text.count("**crashed**: killed by SIGKILL") == 4 + 9 + 9 + 3 + 2 + 21 + 5
    assert "Nothing was measured." in text


def test_a_decode_step_stands_beside_the_forward_pass(tmp_path):
    study = MadeStudy()
    text = (render_all(study, tmp_path / "a", draw=False).folder / "report.md").read_text()
    part = text.split("Decode step: ", 1)[1]
    assert "| linear | 6.00 (75 %) |" in part
    assert "| linear | 2.60 G | 5.32 GFLOP |" in part
    assert "the hooks added at most 8.1 %" in text
    for rows, record in study.profiles.values():
        rows[:] = [row for row in rows if row["stage"] != "decode"]
        record |= {"decode": None, "decode_reason": "the difference is below the noise"}
    text = (render_all(study, tmp_path / "b", draw=False).folder / "report.md").read_text()
    assert "Decode step: " not in text
    assert "- No decode step was profiled at batch 4 · 224 px: the difference is below" in text


def test_hostile_texts_do_not_change_the_reports_structure(rendered, hostile):
    plain = list_headings((rendered.folder / "report.md").read_text())
    hostile_headings = list_headings((hostile.folder / "report.md").read_text())
    assert [tag for tag, _ in hostile_headings] == [tag for tag, _ in plain]
    tokens = parse((hostile.folder / "report.md").read_text())
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "code_block", "blockquote_open"}
    inline = [child for token in tokens for child in token.children or []]
    assert not {child.type for child in inline} & {"link_open"}
    images = [child.attrs["src"] for child in inline if child.type == "image"]
    assert all(
        re.fullmatch(r"(figures|gallery)/[\w-]+\.(svg|jpg)", str(address)) for address in images
    )
    assert len(images) == 9 + 3 * 3


def test_hostile_texts_do_not_add_columns(rendered, hostile):
    def widths(folder):
        tokens = parse((folder / "report.md").read_text())
        rows, width = [], 0
        for token in tokens:
            width += token.type in ("td_open", "th_open")
            if token.type == "tr_close":
                rows.append(width)
                width = 0
        return rows

    # The table of kinds in between lacks a column: a profile of the hostile study failed.
    hostile_widths, plain = widths(hostile.folder), widths(rendered.folder)
    assert hostile_widths[:32] == plain[:32]
    assert hostile_widths[-13:] == plain[-13:]
