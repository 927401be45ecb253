"""Says where the time of requests goes, as far as the intervals carry it."""

from collections.abc import Iterator, Sequence

from vlmeter.axes import AXIS_NAMES
from vlmeter.reporting.formats import get_value_label
from vlmeter.reporting.language import say
from vlmeter.reporting.requests.timed import Part, TimedRequest
from vlmeter.results.difference_row import get_difference
from vlmeter.results.numbers import format_interval, format_number, format_percent
from vlmeter.results.tables import Differences
from vlmeter.storage.layout import CellKey

LEAST_SHARE = 0.1
"""Least share of a request for which preprocessing is worth a sentence."""
MOST_FINDINGS = 8


def list_request_findings(requests: Sequence[TimedRequest], differences: Differences) -> list[str]:
    """Return what follows from the requests that nothing disturbed.

    Args:
        requests: Those of a study.
        differences: The rows of `differences.csv`.
    """
    calm = [request for request in requests if not request.row.disturbed and request.parts]
    groups: dict[str, list[TimedRequest]] = {}
    for request in calm:
        groups.setdefault(request.group, []).append(request)
    sentences = [
        *(words for group in groups.values() for words in _describe_preprocessing(group)),
        *_compare_optimizations(calm, differences),
        *(words for group in groups.values() for words in _describe_longest(group[0])),
    ]
    return sentences[:MOST_FINDINGS]


def _describe_preprocessing(group: Sequence[TimedRequest]) -> Iterator[str]:
    """Name the setting with the greatest share, beside the least where that is surely less."""
    certain = [it for it in group if it.row.request_preprocessing_low is not None]
    if not certain:
        return
    most = max(certain, key=lambda it: it.row.request_preprocessing_share or 0.0)
    least = min(certain, key=lambda it: it.row.request_preprocessing_share or 0.0)
    low, high = most.row.request_preprocessing_low, least.row.request_preprocessing_high
    if low is None or low < LEAST_SHARE:
        return
    beside = ""
    if high is not None and high < low:
        beside = say(
            "requests.preprocessing_beside", setting=least.setting, share=_format_share(least)
        )
    yield say(
        "requests.preprocessing",
        group=most.group,
        setting=most.setting,
        share=_format_share(most),
        beside=beside,
    )


def _format_share(request: TimedRequest) -> str:
    row = request.row
    ends = format_interval(
        row.request_preprocessing_low, row.request_preprocessing_high, format_percent
    )
    return f"{format_percent(row.request_preprocessing_share)} {ends}".rstrip()


def _compare_optimizations(
    requests: Sequence[TimedRequest], differences: Differences
) -> Iterator[str]:
    """Compare what an optimisation saves of a forward pass with what preprocessing takes."""
    by_key = {CellKey(it.row.dataset, it.row.cell): it for it in requests}
    for difference in differences.values():
        changed = by_key.get(CellKey(difference.dataset, difference.cell))
        base = by_key.get(CellKey(difference.dataset, difference.base))
        time = get_difference(difference, "sample_time")
        if (
            changed is None
            or base is None
            or time is None
            or not _differ_in_optimization(changed, base)
        ):
            continue
        taken = _list_preprocessing_ends(base)
        low, high = time.difference.low, time.difference.high
        if taken is None or low is None or high is None:
            continue
        most_saved_s, least_saved_s = max(0.0, -low), max(0.0, -high)
        words = {
            "group": base.group,
            "setting": base.setting,
            "optimization": get_value_label("optimization", changed.row.optimization),
        }
        if taken[0] > most_saved_s:
            yield say(
                "requests.processor_first",
                **words,
                taken=format_number(1e3 * taken[0]),
                saved=format_number(1e3 * most_saved_s),
            )
        elif taken[1] < least_saved_s:
            yield say(
                "requests.optimization_first",
                **words,
                taken=format_number(1e3 * taken[1]),
                saved=format_number(1e3 * least_saved_s),
            )


def _differ_in_optimization(changed: TimedRequest, base: TimedRequest) -> bool:
    names = [it for it in AXIS_NAMES if getattr(changed.row, it) != getattr(base.row, it)]
    return names == ["optimization"]


def _list_preprocessing_ends(request: TimedRequest) -> tuple[float, float] | None:
    """Return the ends of the seconds per sample that preprocessing takes."""
    row = request.row
    low, high = row.request_preprocessing_low, row.request_preprocessing_high
    if low is None or high is None:
        return None
    return low * request.parts_s, high * request.parts_s


def _describe_longest(request: TimedRequest) -> Iterator[str]:
    """Name the part that surely takes longer than every other."""
    longest = max(request.parts, key=lambda part: part.seconds)
    others = [part for part in request.parts if part is not longest]
    if longest.low_s is None or not all(_ends_below(part, longest.low_s) for part in others):
        return
    yield say(
        "requests.longest",
        group=request.group,
        setting=request.setting,
        part=say(f"request_part.{longest.name}"),
        time=format_number(1e3 * longest.seconds),
        share=format_percent(longest.seconds / request.parts_s),
    )


def _ends_below(part: Part, limit_s: float) -> bool:
    return part.high_s is not None and part.high_s < limit_s
