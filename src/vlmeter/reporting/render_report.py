"""Renders the report as Markdown and as a self-contained HTML file with the same content."""

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from vlmeter.data.manifests import read_samples_manifest
from vlmeter.escaping import printable
from vlmeter.machine.description import read_machine
from vlmeter.reporting.drift import read_timed_cell
from vlmeter.reporting.environments import make_html_environment, make_markdown_environment
from vlmeter.reporting.figures.inline_figure import InlineFigure, inline_figure
from vlmeter.reporting.figures.vega_script import read_vega_script
from vlmeter.reporting.gallery import read_pictures
from vlmeter.reporting.gates import describe_gates
from vlmeter.reporting.language import (
    LANGUAGES,
    LOCALES,
    get_figure_path,
    get_language,
    get_page_path,
    say,
    use_language,
)
from vlmeter.reporting.layers.profiles import read_profiles
from vlmeter.reporting.page import Page, StudyResults, build_page, make_anchor
from vlmeter.reporting.published import read_published
from vlmeter.reporting.remarks import list_remarks
from vlmeter.reporting.table_pages import build_table_page
from vlmeter.results.difference_row import DifferenceRow
from vlmeter.results.gates import Judgement
from vlmeter.results.layer_row import LayerRow
from vlmeter.results.outline import Outline, translate_outline
from vlmeter.results.repeatability import read_repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import read_differences, read_layers, read_summary
from vlmeter.source_file import CHECKOUT
from vlmeter.storage.files import file_sha256, read_json, write_json, write_text
from vlmeter.storage.typed import from_plain

TEMPLATES = CHECKOUT / "report/templates"
TABLES_LANGUAGE = "en"
"""That of the columns' names."""
_SCRIPTS = ("charts.js", "decide.js", "page.js")
"""What runs in the page, in this order."""


def render_report(
    outline: Outline,
    summary_csv: Path,
    layers_csv: Path,
    differences_csv: Path,
    repeatability_json: Path,
    layer_records: Sequence[Path],
    machine_json: Path,
    figures: Mapping[str, Path],
    report_md: Path,
    study_html: Path,
    templates: Path = TEMPLATES,
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

    And a page of each table, named as the table.

    Args:
        outline: The study, in the order of its report.
        summary_csv: A row per cell.
        layers_csv: A row per module.
        differences_csv: A row per pair of cells.
        repeatability_json: How well costs repeat between processes.
        layer_records: The JSON beside each layer profile's table.
        machine_json: Hardware and software.
        figures: SVG files by section name, `layers`, `tradeoff` and `forest`; `get_figure_path`
            gives the paths of those in other languages.
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
    machine = read_machine(machine_json)
    repeats = read_repeats(repeatability_json)
    manifests_by_dataset = {path.parent.name: read_samples_manifest(path) for path in manifests}
    judgement = None if gates is None else from_plain(Judgement, read_json(gates), gates)
    repeated = None if control is None else read_timed_cell(control)
    first = None if base_record is None else read_timed_cell(base_record)
    pictures = read_pictures(answers)
    gallery = Path() if answers is None else answers.parent
    for language in LANGUAGES:
        with use_language(language, locales):
            shown = translate_outline(outline, language)
            results = StudyResults(
                summary=summary,
                differences=differences,
                repeats=repeats,
                profiles=read_profiles(shown.layers, layer_rows, layer_records),
                manifests=manifests_by_dataset,
                published=None if published is None else read_published(published),
                answers=answers,
                remarks=(
                    *(() if judgement is None else describe_gates(judgement)),
                    *list_remarks(list(summary.values()), machine, repeats, repeated, first),
                ),
                machine=machine,
                summary_csv=summary_csv,
            )
            page = build_page(shown, results)
            links = {name: _link(gallery / name, report_md.parent) for name in pictures}
            drawn = {name: get_figure_path(path, language) for name, path in figures.items()}
            _write_markdown(get_page_path(report_md, language), templates, page, drawn, links)
            _write_page(get_page_path(study_html, language), templates, page, drawn, pictures)
    pages = [get_page_path(path, name) for path in (report_md, study_html) for name in LANGUAGES]
    with use_language(TABLES_LANGUAGE, locales):
        for name, csv, row_type, rows in (
            ("summary", summary_csv, SummaryRow, list(summary.values())),
            ("differences", differences_csv, DifferenceRow, list(differences.values())),
            ("layers", layers_csv, LayerRow, layer_rows),
        ):
            table = build_table_page(name, csv, row_type, rows)
            template = make_html_environment(templates).get_template("table.html.j2")
            pages.append(report_md.with_name(f"{csv.stem}.html"))
            write_text(pages[-1], template.render(page=table))
    write_json(
        report_md.with_suffix(".json"), {"files": {page.name: file_sha256(page) for page in pages}}
    )


def _write_markdown(
    report_md: Path,
    templates: Path,
    page: Page,
    figures: Mapping[str, Path],
    pictures: Mapping[str, str],
) -> None:
    links = {name: _link(path, report_md.parent) for name, path in figures.items()}
    template = make_markdown_environment(templates).get_template("report.md.j2")
    write_text(report_md, template.render(page=page, figures=links, pictures=pictures))


def _write_page(
    study_html: Path,
    templates: Path,
    page: Page,
    figures: Mapping[str, Path],
    pictures: Mapping[str, str],
) -> None:
    template = make_html_environment(templates).get_template("study.html.j2")
    write_text(
        study_html,
        template.render(
            page=page,
            figures=_inline_figures(figures, page),
            pictures=pictures,
            scripts=[_make_script(text) for text in _list_scripts(templates, figures)],
            language=get_language(),
            languages={name: _link_language(study_html, name) for name in LANGUAGES},
        ),
    )


@dataclass(frozen=True)
class Script:
    """A script of the page."""

    text: Markup
    source: str
    """By which the page's content security policy allows it, and no other."""


def _list_scripts(templates: Path, figures: Mapping[str, Path]) -> Iterator[str]:
    if figures:
        yield read_vega_script()
    for name in _SCRIPTS:
        yield (templates / name).read_text(encoding="utf-8")


def _make_script(text: str) -> Script:
    digest = b64encode(sha256(text.encode()).digest()).decode()
    return Script(Markup(text), f"'sha256-{digest}'")  # nosec B704


def _link_language(study_html: Path, name: str) -> str:
    """Return the link from the page in any language to the page in language `name`."""
    stem = study_html.name.split(".")[0]
    return quote(get_page_path(Path(f"{stem}.html"), name).name)


def _link(figure: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(figure, folder)).as_posix())


def _inline_figures(figures: Mapping[str, Path], page: Page) -> dict[str, InlineFigure]:
    titles = {section.name: section.title for section in page.sections}
    titles |= {name: say(f"{name}.title") for name in ("requests", "layers", "tradeoff", "forest")}
    return {
        name: inline_figure(path, f"fig-{make_anchor(name)}", printable(titles[name]))
        for name, path in figures.items()
    }
