"""More about what a section's cells cost: work, memory and generation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlmeter.reporting.formats import DASH, Scale, number, percent, quantity
from vlmeter.reporting.frames import Row
from vlmeter.reporting.section_rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, filled, table_of


@dataclass(frozen=True)
class CostTables:
    """Tables with their captions, and what is to be said about single cells."""

    tables: tuple[tuple[str, Table], ...]
    notes: tuple[str, ...]


def cost_tables(section: SectionRows) -> CostTables | None:
    """Return what a section's cells cost beside latency and energy; None where nothing is known."""
    places = [place for place in section.places if place.row["latency"] is not None]
    rows = [place.row for place in places]
    lead = section.lead(places)
    captioned = (
        ("Work and memory", filled(_work_and_memory(rows))),
        ("Generation of a forced length", filled(_generation(rows))),
    )
    tables = tuple(
        (caption, table_of([*lead, *columns])) for caption, columns in captioned if columns
    )
    return CostTables(tables, tuple(_compile_notes(section, places))) if tables else None


def _work_and_memory(rows: Sequence[Row]) -> list[TextColumn]:
    return [
        TextColumn("Tokens", [_tokens(row) for row in rows], numeric=True),
        _scaled("Work", "FLOP", "/batch", rows, "flops"),
        _scaled("Achieved", "FLOP/s", "", rows, "achieved_flop_per_s"),
        _plain("Of the peak", rows, "utilisation", percent),
        _scaled("Host peak", "B", "", rows, "peak_rss_bytes"),
        _scaled("Device peak", "B", "", rows, "peak_allocated_bytes"),
        _scaled("Weights", "B", "", rows, "weights_bytes"),
    ]


def _generation(rows: Sequence[Row]) -> list[TextColumn]:
    return [
        _plain("New tokens", rows, "new_tokens", str),
        _scaled("First token", "s", "", rows, "time_to_first_token_s"),
        _scaled("Each further", "s", "", rows, "time_per_output_token_s"),
        _plain("Tokens/s", rows, "tokens_per_s", number),
        _plain("Samples/s", rows, "samples_per_s", number),
        _scaled("Energy", "J", "/token", rows, "energy_per_token_j"),
    ]


def _scaled(name: str, unit: str, per: str, rows: Sequence[Row], column: str) -> TextColumn:
    scale = Scale.of([row[column] for row in rows], unit)
    cells = [scale.text(row[column]) for row in rows]
    return TextColumn(f"{name} ({scale.unit}{per})", cells, numeric=True)


def _plain(
    heading: str, rows: Sequence[Row], column: str, write: Callable[[float], str]
) -> TextColumn:
    cells = [DASH if row[column] is None else write(row[column]) for row in rows]
    return TextColumn(heading, cells, numeric=True)


def _tokens(row: Row) -> str:
    if row["text_tokens"] is None:
        return DASH
    return f"{row['image_tokens'] or 0} + {row['text_tokens']}"


def _compile_notes(section: SectionRows, places: Sequence[Place]) -> list[str]:
    return [
        f"{place.label}{f', {place.dataset}' if section.by_dataset else ''}: compiled in "
        f"{quantity(place.row['compile_time_s'], 's')}, which no latency holds; graphs "
        f"{_count(place.row['graphs'])}, breaks {_count(place.row['graph_breaks'])}, "
        f"recompilations {_count(place.row['recompiles'])}; decoding "
        f"{'is' if place.row['decode_compiled'] else 'is not'} compiled."
        for place in places
        if place.row["compile_time_s"] is not None
    ]


def _count(value: int | None) -> str:
    return DASH if value is None else str(value)
