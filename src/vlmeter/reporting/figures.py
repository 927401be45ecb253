"""Plots the report's figures as SVG: reproducible to the byte, and readable without colour."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from vlmeter.files import read_json
from vlmeter.record import Status
from vlmeter.reporting.canvas import STYLE, draw_nothing_measured, save_svg
from vlmeter.reporting.decision import decide
from vlmeter.reporting.formats import status_label
from vlmeter.reporting.frames import Row, read_differences, read_layers, read_summary
from vlmeter.reporting.language import (
    LANGUAGES,
    LOCALES,
    figure_in_language,
    say,
    speaking,
    translate,
)
from vlmeter.reporting.layer_figure import draw_layers
from vlmeter.reporting.pareto_figure import draw_pareto
from vlmeter.reporting.profiles import list_measured, read_profiles
from vlmeter.reporting.roofline import peak_of
from vlmeter.reporting.section_figure import SECTION_COLUMNS, draw_section

Plain = Mapping[str, Any]


def plot_section(
    section: Plain, datasets: Plain, summary_csv: Path, out_svg: Path, locales: Path = LOCALES
) -> None:
    """Draw a section in every language: latency on the left, word error rate on the right.

    Args:
        section: The section's outline: `varied` and `cells` are read.
        datasets: Every data set of the study with its label, in the study's order, which decides
            the colours.
        summary_csv: The table of all cells.
        out_svg: Written, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: the table is missing or damaged.
    """
    summary = read_summary(summary_csv, SECTION_COLUMNS)
    pairs = [(entry, summary.get((entry["dataset"], entry["cell"]))) for entry in section["cells"]]
    rows = [row for _, row in pairs if row is not None]

    def draw() -> Figure:
        if all(row["latency"] is None and row["wer_value"] is None for row in rows):
            return draw_nothing_measured([_why(row) for row in rows])
        return draw_section(section, datasets, summary)

    _save_in_all_languages(draw, out_svg, locales)


def plot_pareto(
    outline: Plain,
    summary_csv: Path,
    differences_csv: Path,
    out_svg: Path,
    locales: Path = LOCALES,
) -> None:
    """Draw quality over latency and energy in every language, for each data set and model.

    Args:
        outline: The study's outline: `base`, `references`, and how data sets and models are named.
        summary_csv: The table of all cells.
        differences_csv: The table of their differences.
        out_svg: Written, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: a table is missing or damaged.
    """
    rows = list(read_summary(summary_csv).values())
    decisions = decide(rows, read_differences(differences_csv), outline["references"])
    judged = [decision for decision in decisions if decision.quality is not None]

    def draw() -> Figure:
        if judged:
            return draw_pareto(outline, judged)
        if any(decision.rows for decision in decisions):
            notes = [translate(row["wer_note"]) for row in rows if row["wer_note"]]
            return draw_nothing_measured(notes, say("pareto.no_quality"))
        return draw_nothing_measured([_why(row) for row in rows if row["status"] != Status.OK])

    _save_in_all_languages(draw, out_svg, locales)


def plot_layers(
    layers: Plain | None,
    layers_csv: Path,
    layer_records: Sequence[Path],
    machine_json: Path,
    out_svg: Path,
    locales: Path = LOCALES,
) -> None:
    """Draw the layer profiles by stage and kind, a decode step, and what is achieved of the peak.

    Args:
        layers: The `layers` block of the study's outline; None where it has none.
        layers_csv: The table of all modules.
        layer_records: The JSON beside each profile's table.
        machine_json: Knows the device's peak.
        out_svg: Written, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: a file is missing or damaged.
    """
    rows = read_layers(layers_csv)
    machine = read_json(machine_json)

    def draw() -> Figure:
        profiles = read_profiles(layers, rows, layer_records)
        if list_measured(profiles):
            return draw_layers(profiles, peak_of(machine, profiles))
        return draw_nothing_measured(
            [f"{profile.label}: {status_label(profile.status)}" for profile in profiles]
        )

    _save_in_all_languages(draw, out_svg, locales)


def _save_in_all_languages(draw: Callable[[], Figure], out_svg: Path, locales: Path) -> None:
    for language in LANGUAGES:
        with speaking(language, locales), mpl.rc_context(STYLE):
            save_svg(draw(), figure_in_language(out_svg, language))


def _why(row: Row) -> str:
    status = status_label(row["status"])
    return f"{status}: {row['reason']}" if row["reason"] else status
