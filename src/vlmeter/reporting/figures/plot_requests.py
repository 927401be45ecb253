"""Draws where the time of a request goes: a bar per setting, its parts one after another."""

from collections.abc import Sequence
from pathlib import Path

from vlmeter.measure.request.result import PARTS
from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.stacked_bars import Bar, make_stacked_bars
from vlmeter.reporting.figures.theme import make_empty_chart, make_spec
from vlmeter.reporting.language import LOCALES, say
from vlmeter.reporting.requests.timed import TimedRequest, list_requests
from vlmeter.results.numbers import format_percent
from vlmeter.results.outline import SettingsPlan
from vlmeter.results.tables import read_summary

MOST_PANELS, MOST_BARS = 8, 12
"""Most data sets and models, and most settings of each; the table has more."""


def make_requests_chart(requests: Sequence[TimedRequest]) -> Chart:
    """Return a panel per data set and model, with a bar of stacked parts for each setting."""
    title = say("requests.title")
    groups: dict[str, list[TimedRequest]] = {}
    for request in requests:
        if request.parts:
            groups.setdefault(request.group, []).append(request)
    if not groups:
        return make_empty_chart(title, [say("requests.no_parts")])
    shown = {name: group[:MOST_BARS] for name, group in list(groups.items())[:MOST_PANELS]}
    drawn = [request for group in shown.values() for request in group]
    present = {part.name for request in drawn for part in request.parts}
    parts = {part: say(f"request_part.{part}") for part in PARTS if part in present}
    content = {
        "columns": 2,
        "concat": [
            make_stacked_bars(name, [_make_bar(request) for request in group], parts)
            for name, group in shown.items()
        ],
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
    }
    left_out = sum(map(len, groups.values())) - len(drawn)
    notes = [say("requests.stacked")]
    if left_out:
        notes.append(say("requests.bars_left_out", count=left_out))
    return Chart(make_spec(title, notes, content), f"{title}. {_describe(drawn[0])}")


def _make_bar(request: TimedRequest) -> Bar:
    return Bar(request.setting, {part.name: 1e3 * part.seconds for part in request.parts})


def _describe(request: TimedRequest) -> str:
    """Return a sentence on the parts that take the most time of a request."""
    longest = sorted(request.parts, key=lambda part: -part.seconds)[:3]
    shares = [
        f"{say(f'request_part.{part.name}')} {format_percent(part.seconds / request.parts_s)}"
        for part in longest
    ]
    return say(
        "requests.alt", group=request.group, setting=request.setting, shares=", ".join(shares)
    )


def plot_requests(
    plan: SettingsPlan, summary_csv: Path, out_svg: Path, locales: Path = LOCALES
) -> None:
    """Draw the parts of each setting's request.

    Args:
        plan: The base and the labels of the study.
        summary_csv: A row per cell.
        out_svg: Output, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: the table is missing or damaged.
    """
    rows = list(read_summary(summary_csv).values())
    save_in_all_languages(
        lambda: make_requests_chart(list(list_requests(rows, plan))), out_svg, locales
    )
