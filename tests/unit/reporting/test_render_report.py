import io
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from PIL import Image
from rendered_studies import make_translated_study
from study_factory import MadeStudy
from study_steps import TEMPLATES, parse_page, render_all

from vlmeter.errors import UserError
from vlmeter.reporting.figures.inline_figure import inline_figure
from vlmeter.reporting.render_report import render_report

LOADING = {"script", "link", "img", "iframe", "object", "embed", "base", "video", "audio"}
BESIDE = re.compile(
    r"study\.ru\.html|summary\.csv|study\.json|report\.md|cells/[\w./-]+/record\.json"
    r"|logs/cells/[\w./-]+/inference\.log"
)
"""What a page leads to beside itself."""


@pytest.mark.parametrize("which", ["rendered", "failed", "hostile"])
def test_the_page_is_well_formed_and_loads_nothing(which, request):
    page = parse_page(request.getfixturevalue(which))
    assert page.open == []
    loading = [(tag, attrs) for tag, attrs in page.elements if tag in LOADING - {"img"}]
    scripts = [attributes for tag, attributes in loading if tag == "script"]
    assert all(
        attributes in ({}, {**attributes, "type": "application/json"}) for attributes in scripts
    )
    assert all("src" not in attributes for attributes in scripts)
    others = [(tag, attributes) for tag, attributes in loading if tag != "script"]
    assert others == [("link", {"rel": "icon", "href": "data:,"})]
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        if tag == "img":
            assert re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", attributes.pop("src"))
        for name in ("href", "src", "xlink:href"):
            address = attributes.get(name) or "#"
            within_page = address.startswith("#") or address == "data:,"
            assert within_page or (tag == "a" and BESIDE.fullmatch(address)), (tag, address)
        assert "url(" not in (attributes.get("style") or "").replace("url(#", "")


@pytest.mark.parametrize("which", ["rendered", "hostile"])
def test_the_page_allows_its_own_scripts_alone(which, request):
    page = (request.getfixturevalue(which).folder / "study.html").read_text()
    allowed = re.findall(r"'(sha256-[^']+)'", page.split("<style>")[0])
    digests = [
        f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    ]
    assert digests == allowed != []


@pytest.mark.parametrize("which", ["rendered", "failed", "hostile"])
def test_every_id_is_unique_and_every_reference_leads_somewhere(which, request):
    page = parse_page(request.getfixturevalue(which))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        target = attributes.get("xlink:href") or attributes.get("href") or ""
        if target.startswith("#"):
            assert target[1:] in ids
        for value in attributes.values():
            if value and value.startswith("url(#"):
                assert value.removeprefix("url(#").rstrip(")") in ids


def test_the_style_sheet_loads_nothing():
    style = (TEMPLATES / "study.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_are_shown_as_they_are(hostile):
    text = (hostile.folder / "study.html").read_text()
    assert "<script>alert" not in text
    assert "onerror=y>" not in text.replace("onerror=y&gt;", "")
    assert not set(text) & {"\x00", "\x1b"}
    (title,) = parse_page(hostile).texts["h1"]
    assert title == (
        '=T <script>alert("x")</script><img src=x onerror=y> | `a` ]](http://evil) '
        "\ufffd\ufffd[31m $x$"
    )


def test_the_page_holds_the_same_text_as_the_markdown(rendered):
    page = parse_page(rendered)
    markdown = (rendered.folder / "report.md").read_text()
    shown = {text for texts in page.texts.values() for text in texts}
    for line in markdown.splitlines():
        if line.startswith(
            ("#", "A: ", "B: ", "C: ", "Energy", "Samples that", "Data set", "Task")
        ):
            assert line.lstrip("# ").replace("\\*", "*") in shown, line
    blocks = markdown.split("```json\n")[1:]
    assert set(page.texts["pre"]) == {block.split("\n```")[0] for block in blocks}


def test_a_part_of_the_page_is_reached_from_the_top(rendered):
    targets = [attrs.get("href") for tag, attrs in parse_page(rendered).elements if tag == "a"]
    assert targets[:12] == [
        *("study.ru.html", "summary.csv", "study.json", "report.md"),
        *("#answer", "#settings", "#knobs", "#budget", "#gallery"),
        *("#requests", "#layers", "#reliability"),
    ]


def test_rendering_twice_gives_the_same_bytes(rendered, tmp_path):
    again = render_all(make_translated_study(), tmp_path)
    names = [
        "report.md",
        "report.ru.md",
        "study.html",
        "study.ru.html",
        "summary.csv",
        "layers.csv",
        "differences.csv",
    ]
    drawn = (rendered.folder / "figures").rglob("*.svg")
    names += [str(path.relative_to(rendered.folder)) for path in drawn]
    for name in names:
        assert (again.folder / name).read_bytes() == (rendered.folder / name).read_bytes(), name


def test_a_study_without_layers_has_no_such_part(tmp_path):
    study = MadeStudy()
    study.profiles = {}
    study.edit_outline(layers=None)
    files = render_all(study, tmp_path, draw=False)
    for name in ("report.md", "study.html"):
        assert "Per layer" not in (files.folder / name).read_text()


def test_energy_that_was_not_measured_has_its_reason(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        if record["status"] == "ok":
            record["energy"] = None
            record["energy_detail"] |= {
                "energy_j": None,
                "energy_reason": "the window was too short",
            }
    text = (render_all(study, tmp_path, draw=False).folder / "report.md").read_text()
    assert '"energy": null' in text
    assert "```\n\nenergy not measured: the window was too short\n" in text
    assert "Energy not measured: the window was too short." in text


def test_a_figure_that_is_not_svg_is_named(tmp_path):
    path = tmp_path / "broken.svg"
    path.write_text("<svg")
    with pytest.raises(UserError, match=r"broken\.svg cannot be read as SVG"):
        inline_figure(path, "a", "title")


def test_scripts_and_style_sheets_do_not_come_along_with_a_figure(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="5"><style>*{color:red}</style>'
        '<script>x</script><g id="a"><script/><text>1 &lt; 2</text></g>'
        '<use href="#a" clip-path="url(#a)"/></svg>'
    )
    text = str(inline_figure(path, "p", 'A "title"').svg)
    assert "script" not in text
    assert "<style" not in text
    assert 'id="p-a"' in text
    assert 'href="#p-a"' in text
    assert "url(#p-a)" in text
    assert "1 &lt; 2" in text
    assert 'aria-label="A &quot;title&quot;"' in text


@pytest.mark.parametrize("name", ["layers", "tradeoff", "forest", "requests"])
def test_a_figure_of_the_page_is_smaller_than_its_file_and_looks_the_same(name, rendered):
    file = rendered.figure(name)
    drawn = re.sub(r"<(title|metadata)>.*?</\1>", "", file.read_text(encoding="utf-8"))
    inline = str(inline_figure(file, "p", "title").svg)
    assert len(inline) < 0.7 * len(drawn)
    _, _, width, height = re.search(r'viewBox="([^"]*)"', inline)[1].split()
    sized = inline.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    seen, expected = (
        np.asarray(Image.open(io.BytesIO(vl_convert.svg_to_png(svg))).convert("L"), dtype=int)
        for svg in (sized, drawn)
    )
    assert seen.shape == expected.shape
    # A hundredth of a pixel changes the shade of some edges.
    change = np.abs(seen - expected)
    assert change.max() < 80
    assert (change > 8).mean() < 0.004


def test_figures_in_another_folder_are_linked_relatively(rendered, tmp_path: Path):
    figures = {"batch_size": rendered.figure("batch_size")}
    render_report(
        MadeStudy().outline,
        rendered.summary,
        rendered.layers,
        rendered.differences,
        rendered.repeatability,
        rendered.layer_records,
        rendered.machine,
        figures,
        rendered.folder / "other" / "report.md",
        tmp_path / "study.html",
        TEMPLATES,
    )
    assert "(../figures/batch_size.svg)" in (rendered.folder / "other" / "report.md").read_text()
