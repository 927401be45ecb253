"""Runs the steps of a study on made-up records: from the records to the tables and the pages."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from study_factory import NO_PAIRS, MadeStudy, make_comparisons
from study_files import Files

from vlmeter.decision.export_study import export_study
from vlmeter.reporting.language import LANGUAGES
from vlmeter.reporting.sections.selection import share_settings
from vlmeter.results.aggregate import aggregate
from vlmeter.results.comparisons import Comparisons
from vlmeter.results.outline import (
    ForestPlan,
    GalleryPlan,
    LayersPlan,
    Outline,
    SectionPlan,
    SettingsPlan,
    translate_labels,
)

TEMPLATES = Path(__file__).parents[2] / "report" / "templates"


def collect(study: MadeStudy, files: Files, samples: int = 12) -> None:
    from vlmeter.reporting.collect_answers import collect_answers

    plan = GalleryPlan(samples, study.outline.references)
    tables = (files.summary, files.differences)
    collect_answers(plan, files.manifests, *tables, files.folder / "cells", files.answers)


def aggregate_study(
    study: MadeStudy, folder: Path, comparisons: Comparisons | None = None
) -> Files:
    """Write a study's records and its tables; by default with the study's own comparisons."""
    files = study.write(folder)
    aggregate(
        files.records,
        files.layer_tables,
        files.layer_records,
        files.summary,
        files.layers,
        files.differences,
        files.repeatability,
        make_comparisons(study.outline) if comparisons is None else comparisons,
    )
    return files


def render_all(study: MadeStudy, folder: Path, *, draw: bool = True, **more: Any) -> Files:
    """Run all steps from the records to the pages, with figures or without."""
    from vlmeter.reporting.figures.plot_forest import plot_forest
    from vlmeter.reporting.figures.plot_layers import plot_layers
    from vlmeter.reporting.figures.plot_requests import plot_requests
    from vlmeter.reporting.figures.plot_section import plot_section
    from vlmeter.reporting.figures.plot_tradeoff import plot_tradeoff
    from vlmeter.reporting.render_report import render_report

    files = aggregate_study(study, folder)
    outline = study.outline
    labels = translate_labels(outline, LANGUAGES)
    figures = (
        {name: files.figure(name) for name in ("tradeoff", "forest", "requests")} if draw else {}
    )
    if draw:
        forest = ForestPlan(outline.references, labels)
        plot_forest(forest, files.summary, files.differences, files.figure("forest"))
        settings = make_settings_plan(outline)
        plot_tradeoff(settings, files.summary, files.figure("tradeoff"))
        plot_requests(settings, files.summary, files.figure("requests"))
        collect(study, files)
        more.setdefault("answers", files.answers)
    for section in outline.sections if draw else []:
        figures[section.name] = files.figure(section.name)
        plan = SectionPlan(section, labels, share_settings(len(outline.sections)))
        plot_section(plan, files.summary, files.figure(section.name))
    if draw and outline.layers is not None:
        figures["layers"] = files.figure("layers")
        tables = (files.layers, files.layer_records, files.machine)
        plot_layers(LayersPlan(outline.layers, labels), *tables, files.figure("layers"))
    render_report(
        outline,
        files.summary,
        files.layers,
        files.differences,
        files.repeatability,
        files.layer_records,
        files.machine,
        figures,
        folder / "report.md",
        folder / "study.html",
        TEMPLATES,
        **more,
    )
    return files


def make_settings_plan(outline: Outline) -> SettingsPlan:
    return SettingsPlan(outline.base, translate_labels(outline, LANGUAGES))


def write_study(study: MadeStudy, folder: Path, comparisons: Comparisons = NO_PAIRS) -> Path:
    """Write a study's tables and its JSON where the workflow writes them."""
    files = aggregate_study(study, folder, comparisons)
    export_study(
        study.outline,
        files.summary.with_suffix(".parquet"),
        files.layers,
        files.differences,
        files.repeatability,
        files.machine,
        folder / "study.json",
    )
    return folder


VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects elements and texts, and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data.strip())


def parse_page(files: Files) -> Page:
    return Page((files.folder / "study.html").read_text())
