"""Tabulates every figure of quality of a section's cells: a row per metric, a column per value."""

from vlmeter.reporting.language import say, translate
from vlmeter.reporting.sections.rows import SectionRows
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.numbers import DASH, format_with_interval
from vlmeter.results.summary_values import read_metrics


def build_quality_table(section: SectionRows) -> Table | None:
    """Return every metric of a section's cells; None where there is none."""
    columns = list(dict.fromkeys(place.label for place in section.places))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for place in section.places:
        for metric in read_metrics(place.row.metrics).values():
            if metric.value is not None:
                row = rows.setdefault((place.dataset, translate(metric.label)), {})
                row[place.label] = format_with_interval(metric.value, metric.low, metric.high)
    if not rows:
        return None
    lead = (
        [TextColumn(say("table.dataset"), [dataset for dataset, _ in rows])]
        if section.by_dataset
        else []
    )
    return build_table(
        [
            *lead,
            TextColumn(say("table.metric"), [label for _, label in rows]),
            *(
                TextColumn(column, [row.get(column, DASH) for row in rows.values()], numeric=True)
                for column in columns
            ),
        ]
    )
