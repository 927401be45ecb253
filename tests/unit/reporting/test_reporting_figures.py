import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from study_factory import DATASETS, MadeStudy, render_all

from vlmeter.reporting.figures import plot_layers, plot_section

SVG = "{http://www.w3.org/2000/svg}"


def texts(path: Path) -> list[str]:
    root = ET.fromstring(path.read_text())
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def colours(path: Path) -> set[str]:
    known = {"#0072b2", "#d55e00", "#009e73"}
    return {colour for colour in known if colour in path.read_text()}


def test_a_figure_has_two_panels_with_units_on_their_axes(rendered):
    shown = texts(rendered.figure("image_size"))
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


def test_a_data_set_has_one_colour_in_every_figure(rendered):
    assert colours(rendered.figure("batch_size")) == {"#009e73"}
    assert colours(rendered.figure("device")) == {"#009e73"}
    assert colours(rendered.figure("optimization")) == {"#d55e00"}
    assert colours(rendered.figure("image_size")) == {"#0072b2", "#d55e00", "#009e73"}


def test_a_status_stands_where_a_figure_would(rendered):
    assert texts(rendered.figure("optimization")).count("unsupported") == 2
    assert texts(rendered.figure("device")).count("unavailable") == 2


def test_the_layers_figure_names_kinds_and_profiles(rendered):
    shown = texts(rendered.figure("layers"))
    for label in ("linear", "convolution", "other", "Time (ms per sample)", "proportional"):
        assert label in shown
    assert "448 px" in shown


@pytest.mark.parametrize("name", ["batch_size", "image_size", "device", "layers"])
def test_nothing_measured_is_a_figure_that_says_so(failed, name):
    assert texts(failed.figure(name))[0] == "Nothing was measured."


def test_no_figure_tells_a_date_or_a_version(rendered):
    for path in (rendered.folder / "figures").rglob("*.svg"):
        text = path.read_text()
        assert "<dc:date>" not in text
        assert "<dc:creator>" not in text


def test_hostile_labels_stay_text(hostile):
    for path in (hostile.folder / "figures").rglob("*.svg"):
        root = ET.fromstring(path.read_text())
        assert {element.tag for element in root.iter()} & {f"{SVG}script", f"{SVG}image"} == set()
    assert any("COCO <script>alert" in text for text in texts(hostile.figure("image_size")))


def test_the_study_s_own_outlines_are_enough(rendered, tmp_path):
    """The workflow gives a section without title and note, so that a new title draws nothing."""
    outline = MadeStudy().outline
    section = {k: v for k, v in outline["sections"][1].items() if k not in ("title", "note")}
    labels = {name: {"label": block["label"]} for name, block in DATASETS.items()}
    plot_section(section, labels, rendered.summary, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == rendered.figure("image_size").read_bytes()


def test_a_cell_without_a_record_is_marked(rendered, tmp_path):
    section = MadeStudy().outline["sections"][0]
    section["cells"][1]["cell"] = "never-run"
    plot_section(section, DATASETS, rendered.summary, tmp_path / "a.svg")
    assert texts(tmp_path / "a.svg").count("no record") == 2


def test_a_study_without_layers_has_a_figure_that_says_so(rendered, tmp_path):
    plot_layers(None, rendered.layers, [], tmp_path / "a.svg")
    assert texts(tmp_path / "a.svg") == ["Nothing was measured."]


def test_two_axes_at_once_are_told_in_every_place(rendered, tmp_path):
    section = MadeStudy().outline["sections"][0]
    section["varied"]["optimization"] = ["eager"]
    for entry in section["cells"]:
        entry["values"]["optimization"] = "eager"
    plot_section(section, DATASETS, rendered.summary, tmp_path / "a.svg")
    assert texts(tmp_path / "a.svg").count("16 · Eager") == 2


def test_a_panel_without_figures_says_so(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        record["wer_value"] = None
    files = render_all(study, tmp_path, draw=False)
    plot_section(study.outline["sections"][0], DATASETS, files.summary, tmp_path / "a.svg")
    assert texts(tmp_path / "a.svg").count("not measured") == 1
