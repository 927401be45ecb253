"""Figures of the report as SVG: the same file for the same figures, readable without colour."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from vlmeter.reporting.canvas import STYLE, nothing_measured, save
from vlmeter.reporting.frames import Row, read_layers, read_summary
from vlmeter.reporting.layer_figure import draw_layers
from vlmeter.reporting.profiles import measured, read_profiles
from vlmeter.reporting.section_figure import draw_section

Plain = Mapping[str, Any]


def plot_section(section: Plain, datasets: Plain, summary_csv: Path, out_svg: Path) -> None:
    """Draw a section: latency on the left, word error rate on the right.

    Args:
        section: The section's outline: `varied` and `cells` are read.
        datasets: Every data set of the study with its label, in the study's order, which decides
            the colours.
        summary_csv: The table of all cells.
        out_svg: Written.

    Raises:
        UserError: the table is missing or damaged.
    """
    summary = read_summary(summary_csv)
    pairs = [(entry, summary.get((entry["dataset"], entry["cell"]))) for entry in section["cells"]]
    rows = [row for _, row in pairs if row is not None]
    with mpl.rc_context(STYLE):
        if all(row["latency"] is None and row["wer_value"] is None for row in rows):
            figure = nothing_measured([_why(row) for row in rows])
        else:
            figure = draw_section(section, datasets, summary)
        save(figure, out_svg)


def plot_layers(
    layers: Plain | None, layers_csv: Path, layer_records: Sequence[Path], out_svg: Path
) -> None:
    """Draw the layer profiles: time per sample by kind on the left, time over batch on the right.

    Args:
        layers: The `layers` block of the study's outline; None where it has none.
        layers_csv: The table of all modules.
        layer_records: The JSON beside each profile's table.
        out_svg: Written.

    Raises:
        UserError: a file is missing or damaged.
    """
    profiles = read_profiles(layers, read_layers(layers_csv), layer_records)
    with mpl.rc_context(STYLE):
        if measured(profiles):
            figure = draw_layers(profiles)
        else:
            figure = nothing_measured([f"{one.label}: {one.status}" for one in profiles])
        save(figure, out_svg)


def _why(row: Row) -> str:
    return f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])
