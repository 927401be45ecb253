"""Every figure of quality of a section's cells: a row per metric, a column per value."""

import json
from collections.abc import Mapping
from typing import Any

from vlmeter.reporting.formats import DASH, interval, number
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.section_rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, table_of

Plain = Mapping[str, Any]


def quality_table(section: SectionRows) -> Table | None:
    """Return what every metric says about a section's cells; None where none says anything."""
    columns = list(dict.fromkeys(place.label for place in section.places))
    told: dict[tuple[str, str], dict[str, str]] = {}
    for place in section.places:
        for metric in _metrics(place):
            if metric["value"] is not None:
                row = told.setdefault((place.dataset, recorded(metric["label"])), {})
                row[place.label] = _figure(metric)
    if not told:
        return None
    lead = (
        [TextColumn(say("table.dataset"), [dataset for dataset, _ in told])]
        if section.by_dataset
        else []
    )
    return table_of(
        [
            *lead,
            TextColumn(say("table.metric"), [label for _, label in told]),
            *(
                TextColumn(column, [row.get(column, DASH) for row in told.values()], numeric=True)
                for column in columns
            ),
        ]
    )


def _metrics(place: Place) -> list[Plain]:
    text = place.row["metrics"]
    found: list[Plain] = [] if text is None else json.loads(text)
    return found


def _figure(metric: Plain) -> str:
    return f"{number(metric['value'])} {interval(metric['low'], metric['high'])}".rstrip()
