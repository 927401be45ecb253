"""Tabulates every figure of quality of a section's cells: a row per metric, a column per value."""

import json
from collections.abc import Mapping
from typing import Any

from vlmeter.reporting.language import say, translate
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, table_of
from vlmeter.results.numbers import DASH, interval, number

Plain = Mapping[str, Any]


def quality_table(section: SectionRows) -> Table | None:
    """Return every metric of a section's cells; None where there is none."""
    columns = list(dict.fromkeys(place.label for place in section.places))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for place in section.places:
        for metric in _read_metrics(place):
            if metric["value"] is not None:
                row = rows.setdefault((place.dataset, translate(metric["label"])), {})
                row[place.label] = _format_figure(metric)
    if not rows:
        return None
    lead = (
        [TextColumn(say("table.dataset"), [dataset for dataset, _ in rows])]
        if section.by_dataset
        else []
    )
    return table_of(
        [
            *lead,
            TextColumn(say("table.metric"), [label for _, label in rows]),
            *(
                TextColumn(column, [row.get(column, DASH) for row in rows.values()], numeric=True)
                for column in columns
            ),
        ]
    )


def _read_metrics(place: Place) -> list[Plain]:
    text = place.row["metrics"]
    metrics: list[Plain] = [] if text is None else json.loads(text)
    return metrics


def _format_figure(metric: Plain) -> str:
    return f"{number(metric['value'])} {interval(metric['low'], metric['high'])}".rstrip()
