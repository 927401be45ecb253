import json
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from machines import make_machine
from study_factory import MadeStudy, cell_id, make_outline
from study_steps import make_settings_plan, render_all

from vlmeter.reporting.figures.plot_layers import plot_layers
from vlmeter.reporting.figures.plot_section import plot_section
from vlmeter.reporting.figures.plot_tradeoff import plot_tradeoff
from vlmeter.reporting.language import LANGUAGES
from vlmeter.reporting.layers.profiles import read_profiles
from vlmeter.reporting.layers.roofline import find_peak, list_work
from vlmeter.reporting.sections.selection import MOST_SETTINGS
from vlmeter.results.outline import LayersPlan, SectionGrid, SectionPlan, translate_labels
from vlmeter.results.tables import read_layers
from vlmeter.scripting import pack, unpack
from vlmeter.storage.files import write_json

LABELS = translate_labels(make_outline(), LANGUAGES)
SVG = "{http://www.w3.org/2000/svg}"


def read_texts(path: Path) -> list[str]:
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def list_colours(path: Path) -> set[str]:
    palette = {"#0072b2", "#d55e00", "#009e73"}
    return {colour for colour in palette if colour in path.read_text(encoding="utf-8")}


def test_a_figure_has_two_panels_with_units_on_their_axes(rendered):
    shown = read_texts(rendered.figure("image_size"))
    for label in (
        "Latency (ms per batch)",
        "Word error rate (lower is better)",
        "Image size (px)",
        "COCO",
        "ScienceQA",
        "TextVQA",
    ):
        assert label in shown
    assert shown.count("224") == 2


def test_a_data_set_has_the_same_colour_in_every_figure(rendered):
    assert list_colours(rendered.figure("batch_size")) == {"#009e73"}
    assert list_colours(rendered.figure("device")) == {"#009e73"}
    assert list_colours(rendered.figure("optimization")) == {"#d55e00"}
    assert list_colours(rendered.figure("image_size")) == {"#0072b2", "#d55e00", "#009e73"}


def test_a_status_stands_where_a_figure_would(rendered):
    assert read_texts(rendered.figure("optimization")).count("unsupported") == 2
    assert read_texts(rendered.figure("device")).count("unavailable") == 2


def test_the_layers_figure_names_kinds_and_profiles(rendered):
    shown = read_texts(rendered.figure("layers"))
    for label in ("linear", "convolution", "other", "vision", "prefill", "Time (ms per sample)"):
        assert label in shown
    assert [text for text in shown if text.endswith("448 px")] == ["batch 1 · 448 px"] * 3
    assert [title for title in shown if title.startswith(("Forward", "Decode", "Roofline"))] == [
        "Forward pass by stage",
        "Forward pass by kind of layer",
        "Decode step by kind of layer",
        "Roofline of the forward pass",
    ]


def test_the_roof_is_drawn_where_the_peak_was_measured(rendered, tmp_path):
    assert "Numbers: batch size; the device's peak was not measured" in read_texts(
        rendered.figure("layers")
    )
    machine = tmp_path / "machine.json"
    peaks = {"cpu-fp32": 2e14, "cuda-fp16": 1.0}
    write_json(machine, asdict(make_machine(peak_flop_per_s=peaks)))
    tables = (rendered.layers, rendered.layer_records, machine)
    plot_layers(LayersPlan(MadeStudy().outline.layers, LABELS), *tables, tmp_path / "a.svg")
    roof = "Numbers: batch size; dashed: measured peak 200 TFLOP/s"
    assert roof in read_texts(tmp_path / "a.svg")


def test_the_work_of_a_kind_is_set_against_its_weights(rendered):
    outline = MadeStudy().outline.layers
    profiles = read_profiles(outline, read_layers(rendered.layers), rendered.layer_records)
    work = {(work_item.kind, work_item.batch): work_item for work_item in list_work(profiles[:4])}
    linear = work["linear", 1]
    # 80 % of 751.06 GFLOP in 55 % of 21 ms, with four million weights of four bytes.
    assert linear.intensity == pytest.approx(0.8 * 751.06e9 / 16e6)
    assert linear.flop_per_s == pytest.approx(0.8 * 751.06e9 / (0.55 * 21e-3))
    assert work["linear", 16].intensity == pytest.approx(16 * linear.intensity)
    assert {kind for kind, _ in work} == {"linear", "attention", "convolution"}
    machine = make_machine(peak_flop_per_s={"cpu-fp32": 3.0})
    assert find_peak(make_machine(), profiles) is None
    assert find_peak(machine, profiles) == 3.0
    assert find_peak(machine, []) is None


def test_samples_per_second_stand_over_latency_with_labels(rendered):
    shown = read_texts(rendered.figure("tradeoff"))
    for label in ("TextVQA", "COCO", "↑ Samples per second, generation"):
        assert label in shown
    assert "base setting" in shown
    assert shown.count("Latency (ms per batch) →") == 3
    assert list_colours(rendered.figure("tradeoff")) == {"#0072b2", "#d55e00", "#009e73"}


def test_more_cells_than_labels_have_room_label_the_front_alone(tmp_path):
    study = MadeStudy()
    first, *others = study.outline.sections
    base = first.cells[0]
    entries = []
    for size in range(2, 62):
        axes = replace(base.axes, batch_size=size)
        cell = cell_id(axes.as_dict())
        entry = replace(base, cell=cell, axes=axes, values={"batch_size": size})
        record = json.loads(json.dumps(study.records[base.key]))
        record["cell"] |= {"id": cell, "batch_size": size}
        record["latency"] *= 1 + size / 10
        study.records[entry.key] = record
        entries.append(entry)
    section = replace(first, cells=(*first.cells, *entries))
    study.edit_outline(sections=(section, *others))
    files = render_all(study, tmp_path, draw=False)
    plot_tradeoff(make_settings_plan(study.outline), files.summary, tmp_path / "a.svg")
    shown = read_texts(tmp_path / "a.svg")
    assert "base setting" in shown
    assert "batch 61" not in shown


@pytest.mark.parametrize("name", ["batch_size", "image_size", "device", "layers"])
def test_nothing_measured_is_a_figure_that_says_so(failed, name):
    assert "Nothing was measured." in read_texts(failed.figure(name))


def test_no_figure_holds_a_date_or_a_version(rendered):
    for path in (rendered.folder / "figures").rglob("*.svg"):
        text = path.read_text()
        assert "<dc:date>" not in text
        assert "<dc:creator>" not in text


def test_hostile_labels_stay_text(hostile):
    for path in (hostile.folder / "figures").rglob("*.svg"):
        root = ET.fromstring(path.read_text())
        assert {element.tag for element in root.iter()} & {f"{SVG}script", f"{SVG}image"} == set()
    assert any("COCO <script>alert" in text for text in read_texts(hostile.figure("image_size")))


def make_plan(section: SectionGrid) -> SectionPlan:
    return SectionPlan(section, LABELS, MOST_SETTINGS)


def test_a_plan_as_a_rule_packs_it_draws_the_same(rendered, tmp_path):
    """It holds neither title nor note, so that a new title redraws nothing."""
    packed = pack(make_plan(make_outline().sections[1]))
    drawn = tmp_path / "figures/image_size.svg"
    plot_section(unpack(SectionPlan, packed), rendered.summary, drawn)
    assert drawn.read_bytes() == rendered.figure("image_size").read_bytes()


def test_a_cell_without_a_record_is_marked(rendered, tmp_path):
    section = make_outline().sections[0]
    first, second, *others = section.cells
    cells = (first, replace(second, cell="never-run"), *others)
    plot_section(make_plan(replace(section, cells=cells)), rendered.summary, tmp_path / "a.svg")
    assert read_texts(tmp_path / "a.svg").count("no record") == 2


def test_a_study_without_layers_has_a_figure_that_says_so(rendered, tmp_path):
    plot_layers(LayersPlan(None, LABELS), rendered.layers, [], rendered.machine, tmp_path / "a.svg")
    assert "Nothing was measured." in read_texts(tmp_path / "a.svg")


def test_two_axes_at_once_are_named_at_every_place(rendered, tmp_path):
    section = make_outline().sections[0]
    eager = replace(
        section,
        varied={**section.varied, "optimization": ("eager",)},
        cells=tuple(
            replace(entry, values={**entry.values, "optimization": "eager"})
            for entry in section.cells
        ),
    )
    plot_section(make_plan(eager), rendered.summary, tmp_path / "a.svg")
    assert read_texts(tmp_path / "a.svg").count("16 · Eager") == 2


def test_a_panel_without_figures_says_so(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        record["wer_value"] = None
    files = render_all(study, tmp_path, draw=False)
    plot_section(make_plan(study.outline.sections[0]), files.summary, tmp_path / "a.svg")
    assert read_texts(tmp_path / "a.svg").count("not measured") == 1
