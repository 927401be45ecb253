"""Tabulates further costs of a section's cells: work, memory and generation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlmeter.reporting.language import say
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, build_table, drop_empty_columns
from vlmeter.results.numbers import DASH, Scale, format_number, format_percent, format_quantity
from vlmeter.results.summary_row import SummaryRow


@dataclass(frozen=True)
class CostTables:
    """Tables with their captions, and notes about single cells."""

    tables: tuple[tuple[str, Table], ...]
    notes: tuple[str, ...]


def build_cost_tables(section: SectionRows) -> CostTables | None:
    """Return a section's costs beside latency and energy; None where there are none."""
    places = [place for place in section.places if place.row.latency is not None]
    rows = [place.row for place in places]
    lead = section.make_lead(places)
    captioned = (
        (say("cost.work_and_memory"), drop_empty_columns(_list_work_and_memory(rows))),
        (say("cost.generation"), drop_empty_columns(_list_generation(rows))),
    )
    marks = [say("note.disturbed") if row.disturbed else "" for row in rows]
    notes = drop_empty_columns([TextColumn(say("table.notes"), marks)])
    tables = tuple(
        (caption, build_table([*lead, *columns, *notes]))
        for caption, columns in captioned
        if columns
    )
    return CostTables(tables, tuple(_describe_compilation(section, places))) if tables else None


def _list_work_and_memory(rows: Sequence[SummaryRow]) -> list[TextColumn]:
    return [
        TextColumn(say("cost.tokens"), [_format_tokens(row) for row in rows], numeric=True),
        _make_scaled_column(
            say("cost.work"), "FLOP", say("per.batch"), [row.flops for row in rows]
        ),
        _make_scaled_column(
            say("cost.achieved"), "FLOP/s", "", [row.achieved_flop_per_s for row in rows]
        ),
        _make_column(say("cost.of_the_peak"), [row.utilisation for row in rows], format_percent),
        _make_scaled_column(say("cost.host_peak"), "B", "", [row.peak_rss_bytes for row in rows]),
        _make_scaled_column(
            say("cost.tensor_peak"), "B", "", [row.peak_allocated_bytes for row in rows]
        ),
        _make_scaled_column(say("cost.weights"), "B", "", [row.weights_bytes for row in rows]),
    ]


def _list_generation(rows: Sequence[SummaryRow]) -> list[TextColumn]:
    return [
        _make_column(say("cost.new_tokens"), [row.new_tokens for row in rows], str),
        _make_scaled_column(
            say("cost.first_token"), "s", "", [row.time_to_first_token_s for row in rows]
        ),
        _make_scaled_column(
            say("cost.each_further"), "s", "", [row.time_per_output_token_s for row in rows]
        ),
        _make_column(say("cost.tokens_per_s"), [row.tokens_per_s for row in rows], format_number),
        _make_column(say("cost.samples_per_s"), [row.samples_per_s for row in rows], format_number),
        _make_scaled_column(
            say("cost.energy"), "J", say("per.token"), [row.energy_per_token_j for row in rows]
        ),
    ]


def _make_scaled_column(
    name: str, unit: str, per: str, values: Sequence[float | None]
) -> TextColumn:
    scale = Scale.of(values, unit)
    heading = f"{name} ({scale.unit}{per})"
    return TextColumn(heading, [scale.format(value) for value in values], numeric=True)


def _make_column(
    heading: str, values: Sequence[float | None], format_value: Callable[[float], str]
) -> TextColumn:
    cells = [DASH if value is None else format_value(value) for value in values]
    return TextColumn(heading, cells, numeric=True)


def _format_tokens(row: SummaryRow) -> str:
    if row.text_tokens is None:
        return DASH
    return f"{row.image_tokens or 0} + {row.text_tokens}"


def _describe_compilation(section: SectionRows, places: Sequence[Place]) -> list[str]:
    return [
        say(
            "cost.compiled_decoding" if place.row.decode_compiled else "cost.compiled",
            cell=f"{place.label}{f', {place.dataset}' if section.by_dataset else ''}",
            time=format_quantity(place.row.compile_time_s, "s"),
            graphs=_format_count(place.row.graphs),
            breaks=_format_count(place.row.graph_breaks),
            again=_format_count(place.row.recompiles),
        )
        for place in places
        if place.row.compile_time_s is not None
    ]


def _format_count(value: int | None) -> str:
    return DASH if value is None else str(value)
