"""What the report says about whole requests, as plain values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlmeter.measure.request.result import DECODE
from vlmeter.reporting.language import get_language, say, translate
from vlmeter.reporting.requests.findings import list_request_findings
from vlmeter.reporting.requests.timed import TimedRequest, list_requests
from vlmeter.reporting.settings import format_group_title, format_setting
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.numbers import (
    DASH,
    format_interval,
    format_number,
    format_percent,
    format_with_interval,
)
from vlmeter.results.outline import SettingsPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences

MOST_ROWS = 100
"""Most settings of the table; `summary.csv` has all."""
_MOST_NAMES = 2
"""Most settings that a note names."""


@dataclass(frozen=True)
class RequestsView:
    """The part about requests."""

    findings: tuple[str, ...]
    table: Table
    left_out: int
    """Settings that only `summary.csv` has."""
    notes: tuple[str, ...]
    """What holds for some settings, and why others have no request."""


def build_requests_view(
    plan: SettingsPlan, rows: Sequence[SummaryRow], differences: Differences
) -> RequestsView | None:
    """Return the chapter on requests; None where none was timed, or could have been.

    Args:
        plan: The base and the labels of the study.
        rows: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
    """
    requests = list(list_requests(rows, plan))
    notes = tuple(_list_notes(plan, rows, requests))
    if not requests and not notes:
        return None
    return RequestsView(
        findings=tuple(list_request_findings(requests, differences)),
        table=_tabulate(requests[:MOST_ROWS]),
        left_out=max(0, len(requests) - MOST_ROWS),
        notes=notes,
    )


def _tabulate(requests: Sequence[TimedRequest]) -> Table:
    def add(key: str, cells: list[str]) -> TextColumn:
        return TextColumn(say(f"requests.{key}"), cells, numeric=True)

    return build_table(
        [
            TextColumn(say("table.setting"), [_name(it) for it in requests]),
            TextColumn(say("table.dataset"), [it.group for it in requests]),
            add("time", [_format_time(it) for it in requests]),
            add("preprocessing_share", [_format_preprocessing(it.row) for it in requests]),
            add("vision_share", [format_percent(it.row.vision_share) for it in requests]),
            add("decode_share", [format_percent(_find_share(it, DECODE)) for it in requests]),
            add("per_s", [format_number(it.row.request_samples_per_s) for it in requests]),
            add("passes_per_s", [format_number(_count_passed(it.row)) for it in requests]),
        ]
    )


def _name(request: TimedRequest) -> str:
    mark = say("note.disturbed") if request.row.disturbed else ""
    return f"{request.setting} ({mark})" if mark else request.setting


def _format_time(request: TimedRequest) -> str:
    row = request.row
    return format_with_interval(
        row.request_s, row.request_low_s, row.request_high_s, 1e-3 * row.batch_size
    )


def _format_preprocessing(row: SummaryRow) -> str:
    if row.request_preprocessing_share is None:
        return DASH
    ends = format_interval(
        row.request_preprocessing_low, row.request_preprocessing_high, format_percent
    )
    return f"{format_percent(row.request_preprocessing_share)} {ends}".rstrip()


def _find_share(request: TimedRequest, name: str) -> float | None:
    seconds = next((part.seconds for part in request.parts if part.name == name), None)
    return None if seconds is None else seconds / request.parts_s


def _count_passed(row: SummaryRow) -> float | None:
    return row.batch_size / row.latency if row.latency else None


def _list_notes(
    plan: SettingsPlan, rows: Sequence[SummaryRow], requests: Sequence[TimedRequest]
) -> Iterator[str]:
    """Yield each note once, with the settings that it is about."""
    settings: dict[str, list[str]] = {}
    for request in requests:
        for text in (
            *filter(None, (request.row.request_notes or "").split("; ")),
            *request.reasons,
        ):
            settings.setdefault(text, []).append(f"{request.group} · {request.setting}")
    for row in rows:
        if row.request_reason:
            group = format_group_title(plan.labels[get_language()], row.dataset, row.model)
            name = f"{group} · {format_setting(row, plan.base)}"
            settings.setdefault(row.request_reason, []).append(name)
    for text, names in settings.items():
        more = len(names) - _MOST_NAMES
        yield say(
            "requests.note" if more <= 0 else "requests.note_of_many",
            text=translate(text),
            settings=", ".join(names[:_MOST_NAMES]),
            count=max(more, 0),
        )
