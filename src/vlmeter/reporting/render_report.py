"""Renders the report as Markdown and as a self-contained HTML file with the same content."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from vlmeter.escaping import markdown, printable
from vlmeter.reporting.figures.inline_svg import inline_svg
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.gallery import read_pictures
from vlmeter.reporting.language import (
    LANGUAGES,
    LOCALES,
    figure_in_language,
    get_language,
    in_language,
    say,
    speaking,
    translate_parts,
)
from vlmeter.reporting.layers.profiles import read_profiles
from vlmeter.reporting.page import Page, StudyResults, build_page, make_anchor
from vlmeter.reporting.provenance import machine_lines
from vlmeter.reporting.published import read_published
from vlmeter.reporting.remarks import gate_remarks, remarks
from vlmeter.results.numbers import percent, quantity
from vlmeter.results.tables import read_differences, read_layers, read_summary
from vlmeter.storage.files import file_sha256, read_json, write_json, write_text

Plain = Mapping[str, Any]

_PROSE = "_prose.md.j2"


def render_report(
    outline: Mapping[str, Any],
    summary_csv: Path,
    layers_csv: Path,
    differences_csv: Path,
    repeatability_json: Path,
    layer_records: Sequence[Path],
    machine_json: Path,
    figures: Mapping[str, Path],
    report_md: Path,
    study_html: Path,
    templates: Path = Path("report/templates"),
    *,
    locales: Path = LOCALES,
    answers: Path | None = None,
    manifests: Sequence[Path] = (),
    published: Path | None = None,
    control: Path | None = None,
    base_record: Path | None = None,
    gates: Path | None = None,
) -> None:
    """Write `report.md` and `study.html`, with their versions in other languages beside them.

    Args:
        outline: `report_outline` of the study.
        summary_csv: A row per cell.
        layers_csv: A row per module.
        differences_csv: A row per pair of cells.
        repeatability_json: How well costs repeat between processes.
        layer_records: The JSON beside each layer profile's table.
        machine_json: Hardware and software.
        figures: SVG files by section name, `layers` and `pareto`; `figure_in_language` gives the
            paths of those in other languages.
        report_md: Output; refers to the figures by relative paths.
        study_html: Output; holds the figures.
        templates: Folder of the templates.
        locales: Folder of the catalogues.
        answers: `answers.json`, with the pictures beside it.
        manifests: `samples.json` of the data sets.
        published: Published figures to compare with the measured figures.
        control: `measurement.json` of the base cell's second measurement.
        base_record: `record.json` of the base cell's first measurement.
        gates: `gates.json`, where the study has gates.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    summary = read_summary(summary_csv)
    layer_rows = read_layers(layers_csv)
    differences = read_differences(differences_csv)
    machine = read_json(machine_json)
    repeats = read_json(repeatability_json)
    manifests_by_dataset = {path.parent.name: read_json(path) for path in manifests}
    judged = None if gates is None else read_json(gates)
    twice = [None if path is None else read_json(path) for path in (control, base_record)]
    pictures = read_pictures(answers)
    gallery = Path() if answers is None else answers.parent
    for spoken in LANGUAGES:
        with speaking(spoken, locales):
            results = StudyResults(
                summary=summary,
                differences=differences,
                profiles=read_profiles(outline.get("layers"), layer_rows, layer_records),
                manifests=manifests_by_dataset,
                published=None if published is None else read_published(published),
                answers=answers,
                remarks=(
                    *(() if judged is None else gate_remarks(judged)),
                    *remarks(list(summary.values()), machine, repeats, *twice),
                ),
            )
            context = {"page": build_page(outline, results), "machine": machine_lines(machine)}
            linked = {name: _link(gallery / name, report_md.parent) for name in pictures}
            drawn = {name: figure_in_language(path, spoken) for name, path in figures.items()}
            _write_markdown(
                in_language(report_md, spoken), templates, drawn, {**context, "pictures": linked}
            )
            _write_page(
                in_language(study_html, spoken), templates, drawn, {**context, "pictures": pictures}
            )
    pages = [in_language(path, name) for path in (report_md, study_html) for name in LANGUAGES]
    write_json(
        report_md.with_suffix(".json"), {"files": {page.name: file_sha256(page) for page in pages}}
    )


def _write_markdown(
    report_md: Path, templates: Path, figures: Mapping[str, Path], context: Plain
) -> None:
    links = {name: _link(path, report_md.parent) for name, path in figures.items()}
    template = markdown_environment(templates).get_template("report.md.j2")
    write_text(report_md, template.render(**context, figures=links))


def _write_page(
    study_html: Path, templates: Path, figures: Mapping[str, Path], context: Plain
) -> None:
    prose = markdown_environment(templates).get_template(_PROSE).render(**context)
    template = html_environment(templates).get_template("study.html.j2")
    inlined = _inline_figures(figures, context["page"])
    write_text(
        study_html,
        template.render(
            **context,
            figures=inlined,
            prose=render_prose(prose),
            language=get_language(),
            languages={name: _link_language(study_html, name) for name in LANGUAGES},
        ),
    )


def _link_language(study_html: Path, name: str) -> str:
    """Return the link from the page in any language to the page in language `name`."""
    stem = study_html.name.split(".")[0]
    return quote(in_language(Path(f"{stem}.html"), name).name)


def _link(figure: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(figure, folder)).as_posix())


def _inline_figures(figures: Mapping[str, Path], page: Page) -> dict[str, Markup]:
    titles = {section.name: section.title for section in page.sections}
    titles |= {"layers": say("layers.title"), "pareto": say("pareto.title")}
    return {
        name: inline_svg(path, f"fig-{make_anchor(name)}", printable(titles[name]))
        for name, path in figures.items()
    }


def render_prose(text: str) -> Markup:
    """Return prose of the templates as HTML; HTML tags in it stay text."""
    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return Markup(rendered)  # nosec B704


def markdown_environment(templates: Path) -> Environment:
    """Return an environment that escapes every value for Markdown unless it is marked `raw`."""
    # Jinja's autoescape is for HTML; `finalize` escapes for Markdown.
    environment = Environment(  # nosec B701
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        finalize=_escape_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"raw": Markup, **_FILTERS}
    environment.globals |= {"say": say, "prose": _say_prose, "recorded_parts": translate_parts}
    return environment


def html_environment(templates: Path) -> Environment:
    """Return an environment that escapes every value for HTML."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_make_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= _FILTERS
    environment.globals |= {"say": say}
    return environment


_FILTERS = {"percent": percent, "quantity": quantity, "anchor": make_anchor, "status": get_status_label}


def _say_prose(key: str, **values: object) -> Markup:
    """Return a catalogue text as Markdown, with its values escaped."""
    text = say(key, **{name: markdown(str(value)) for name, value in values.items()})
    return Markup(text)  # nosec B704


def _escape_markdown(value: object) -> object:
    return markdown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _make_printable(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
