"""Tabulates further costs of a section's cells: work, memory and generation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlmeter.reporting.language import say
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, drop_empty_columns, table_of
from vlmeter.results.numbers import DASH, Scale, number, percent, quantity
from vlmeter.results.tables import Row


@dataclass(frozen=True)
class CostTables:
    """Tables with their captions, and notes about single cells."""

    tables: tuple[tuple[str, Table], ...]
    notes: tuple[str, ...]


def cost_tables(section: SectionRows) -> CostTables | None:
    """Return a section's costs beside latency and energy; None where there are none."""
    places = [place for place in section.places if place.row["latency"] is not None]
    rows = [place.row for place in places]
    lead = section.lead(places)
    captioned = (
        (say("cost.work_and_memory"), drop_empty_columns(_list_work_and_memory(rows))),
        (say("cost.generation"), drop_empty_columns(_list_generation(rows))),
    )
    tables = tuple(
        (caption, table_of([*lead, *columns])) for caption, columns in captioned if columns
    )
    return CostTables(tables, tuple(_describe_compilation(section, places))) if tables else None


def _list_work_and_memory(rows: Sequence[Row]) -> list[TextColumn]:
    return [
        TextColumn(say("cost.tokens"), [_format_tokens(row) for row in rows], numeric=True),
        _make_scaled_column(say("cost.work"), "FLOP", say("per.batch"), rows, "flops"),
        _make_scaled_column(say("cost.achieved"), "FLOP/s", "", rows, "achieved_flop_per_s"),
        _make_column(say("cost.of_the_peak"), rows, "utilisation", percent),
        _make_scaled_column(say("cost.host_peak"), "B", "", rows, "peak_rss_bytes"),
        _make_scaled_column(say("cost.device_peak"), "B", "", rows, "peak_allocated_bytes"),
        _make_scaled_column(say("cost.weights"), "B", "", rows, "weights_bytes"),
    ]


def _list_generation(rows: Sequence[Row]) -> list[TextColumn]:
    return [
        _make_column(say("cost.new_tokens"), rows, "new_tokens", str),
        _make_scaled_column(say("cost.first_token"), "s", "", rows, "time_to_first_token_s"),
        _make_scaled_column(say("cost.each_further"), "s", "", rows, "time_per_output_token_s"),
        _make_column(say("cost.tokens_per_s"), rows, "tokens_per_s", number),
        _make_column(say("cost.samples_per_s"), rows, "samples_per_s", number),
        _make_scaled_column(say("cost.energy"), "J", say("per.token"), rows, "energy_per_token_j"),
    ]


def _make_scaled_column(
    name: str, unit: str, per: str, rows: Sequence[Row], column: str
) -> TextColumn:
    scale = Scale.of([row[column] for row in rows], unit)
    cells = [scale.text(row[column]) for row in rows]
    return TextColumn(f"{name} ({scale.unit}{per})", cells, numeric=True)


def _make_column(
    heading: str, rows: Sequence[Row], column: str, format_value: Callable[[float], str]
) -> TextColumn:
    cells = [DASH if row[column] is None else format_value(row[column]) for row in rows]
    return TextColumn(heading, cells, numeric=True)


def _format_tokens(row: Row) -> str:
    if row["text_tokens"] is None:
        return DASH
    return f"{row['image_tokens'] or 0} + {row['text_tokens']}"


def _describe_compilation(section: SectionRows, places: Sequence[Place]) -> list[str]:
    return [
        say(
            "cost.compiled_decoding" if place.row["decode_compiled"] else "cost.compiled",
            cell=f"{place.label}{f', {place.dataset}' if section.by_dataset else ''}",
            time=quantity(place.row["compile_time_s"], "s"),
            graphs=_format_count(place.row["graphs"]),
            breaks=_format_count(place.row["graph_breaks"]),
            again=_format_count(place.row["recompiles"]),
        )
        for place in places
        if place.row["compile_time_s"] is not None
    ]


def _format_count(value: int | None) -> str:
    return DASH if value is None else str(value)
