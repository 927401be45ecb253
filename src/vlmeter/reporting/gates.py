"""Says at the report's top which of the study's limits are broken."""

from collections.abc import Iterator

from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.formats import format_difference, get_status_label
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.remark import Remark
from vlmeter.results.gates import Cause, Judgement, LimitKind, Obstacle, Verdict
from vlmeter.results.numbers import format_figure, format_signed, format_signed_percent

_SHOWN_LIMITS = 5
"""Most broken limits that the report lists."""
_LIMIT_KEYS = {
    LimitKind.MAX: "gates.at_most",
    LimitKind.MIN: "gates.at_least",
    LimitKind.INCREASE: "gates.above",
    LimitKind.DECREASE: "gates.below",
}


def describe_gates(judgement: Judgement) -> tuple[Remark, ...]:
    """Return a remark with the number of kept limits, or remarks on the broken limits."""
    return tuple(_list_remarks(judgement))


def _list_remarks(judgement: Judgement) -> Iterator[Remark]:
    total, broken = len(judgement.limits), judgement.list_broken()
    if not broken:
        yield Remark(say("gates.kept", count=total), warning=False)
        return
    yield Remark(say("gates.broken", count=len(broken), total=total), warning=True)
    for verdict in broken[:_SHOWN_LIMITS]:
        cell = f"{verdict.dataset}, {verdict.cell}"
        limit, finding = _describe_limit(verdict), _describe_finding(verdict)
        yield Remark(f"{limit}: {cell}: {finding}", warning=True)
    if len(broken) > _SHOWN_LIMITS:
        yield Remark(say("gates.more", count=len(broken) - _SHOWN_LIMITS), warning=True)


def _describe_limit(verdict: Verdict) -> str:
    bound = (
        f"{verdict.bound:g} %"
        if verdict.kind.is_relative
        else format_figure(verdict.bound, verdict.unit)
    )
    key = _LIMIT_KEYS[verdict.kind]
    return say(key, metric=verdict.metric, bound=bound, baseline=verdict.baseline)


def _describe_finding(verdict: Verdict) -> str:
    """Return what breaks a limit: the figure, or why there is none."""
    if verdict.obstacle is not None:
        return _describe_obstacle(verdict.obstacle)
    figure = format_figure(verdict.value, verdict.unit)
    if verdict.difference is None:
        return figure
    change = Difference(verdict.difference, verdict.low, verdict.high)
    if not verdict.base:
        return f"{figure}, {format_difference(change, format_signed)}"
    share = change.as_share_of(abs(verdict.base))
    return f"{figure}, {format_difference(share, format_signed_percent)}"


def _describe_obstacle(obstacle: Obstacle) -> str:
    if obstacle.cause is Cause.BASELINE_UNREADABLE:
        return translate(obstacle.reason)
    if obstacle.cause is Cause.BASELINE_LACKS_CELL:
        return say("gates.baseline_lacks_cell")
    words = say("gates.not_measured")
    if obstacle.status is not None:
        words = f"{words}: {get_status_label(obstacle.status)}"
    if obstacle.reason:
        # A recorded reason may itself say that nothing was measured.
        reason = translate(obstacle.reason).removeprefix(f"{words}: ")
        words = f"{words}: {reason}"
    if obstacle.cause is Cause.BASELINE_NOT_MEASURED:
        return say("gates.of_baseline", words=words)
    return words
