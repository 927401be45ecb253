"""Describes a model's layers in sentences that are computed from the profiles alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vlmeter.reporting.formats import get_status_label, join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.layers.profiles import (
    OTHER_KIND,
    Profile,
    drop_axis,
    get_batch_size,
    list_decode_steps,
    list_measured,
    select_batch_series,
)
from vlmeter.results.numbers import format_number, format_percent, format_quantity, write_decimals

HEAVY_SHARE = 0.1
"""Least share of a forward pass that makes a kind of layer heavy."""
_PROPORTIONAL = 0.1
"""Largest distance from 1 of an exponent that counts as proportional."""
_CLEAR = 0.2
"""Largest standard error of an exponent that supports a statement."""
_SAME_TIME = 0.1
"""Largest relative change that counts as the same time."""


@dataclass(frozen=True)
class Finding:
    """A statement that follows from the profiles."""

    topic: str
    """heavy_kinds, convolutions, batch_scaling, decode_step or image_size."""
    verdict: str
    """The same as a keyword, for readers that do not parse sentences."""
    text: str


@dataclass(frozen=True)
class Fit:
    """The exponent b of time = a * batch^b, by least squares on logarithms."""

    exponent: float
    standard_error: float | None
    """None for two points, which a line always fits exactly."""
    points: int


def list_findings(profiles: Sequence[Profile]) -> list[Finding]:
    """Return the findings in a fixed order; without figures, there are none."""
    usable = list_measured(profiles)
    if not usable:
        return []
    base = usable[0]
    candidates = [
        _describe_heavy_kinds(base),
        _describe_convolutions(base),
        _describe_batch_scaling(usable),
        _describe_decode_step(usable),
    ]
    candidates.extend(_compare_image_sizes(profiles))
    return [finding for finding in candidates if finding is not None]


def fit_power(batches: Sequence[float], times: Sequence[float]) -> Fit | None:
    """Fit time = a * batch^b.

    Args:
        batches: Batch sizes, positive.
        times: The time of each, any unit.

    Returns:
        The fit, or None where there are fewer than two batch sizes or a time of zero.
    """
    if len(set(batches)) < 2 or min(times) <= 0:
        return None
    x = [math.log(batch) for batch in batches]
    y = [math.log(time) for time in times]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((log_batch - mean_x) ** 2 for log_batch in x)
    pairs = list(zip(x, y, strict=True))
    slope = (
        sum((log_batch - mean_x) * (log_time - mean_y) for log_batch, log_time in pairs) / spread
    )
    if len(x) == 2:
        return Fit(slope, None, 2)
    residual = sum(
        (log_time - mean_y - slope * (log_batch - mean_x)) ** 2 for log_batch, log_time in pairs
    )
    return Fit(slope, math.sqrt(residual / (len(x) - 2) / spread), len(x))


def _describe_heavy_kinds(profile: Profile) -> Finding:
    total = profile.total_ms
    heavy = [
        f"{translate(kind)} {format_quantity(ms / 1e3, 's')} ({format_percent(ms / total)})"
        for kind, ms in profile.sum_ms_by_kind().items()
        if kind != OTHER_KIND and ms / total >= HEAVY_SHARE
    ]
    text = say(
        "finding.heavy" if heavy else "finding.not_heavy",
        least=format_percent(HEAVY_SHARE),
        ms=format_number(total),
        profile=profile.label,
        kinds=join_words(heavy),
    )
    return Finding("heavy_kinds", "some" if heavy else "none", text)


def _describe_convolutions(profile: Profile) -> Finding:
    ms = profile.sum_ms_by_kind().get("convolution", 0.0)
    share = ms / profile.total_ms
    if not ms:
        text = say("finding.no_convolutions", profile=profile.label)
        return Finding("convolutions", "absent", text)
    work = profile.sum_flops_by_kind().get("convolution", 0.0)
    verdict = "heavy" if share >= HEAVY_SHARE else "light"
    text = say(
        f"finding.convolutions_{verdict}",
        ms=format_number(ms),
        profile=profile.label,
        share=format_percent(share),
        work=say("finding.and_of_flops", share=format_percent(work / profile.flops))
        if work
        else "",
    )
    return Finding("convolutions", verdict, text)


def _describe_batch_scaling(profiles: Sequence[Profile]) -> Finding | None:
    series = select_batch_series(profiles)
    fit = fit_power(
        [get_batch_size(profile) for profile in series], [profile.total_ms for profile in series]
    )
    if fit is None:
        return None
    first, last = series[0], series[-1]
    verdict = _judge_scaling(fit)
    text = say(
        f"finding.{verdict}",
        fit=format_fit(fit),
        first_ms=format_number(first.total_ms / get_batch_size(first)),
        first=get_batch_size(first),
        last_ms=format_number(last.total_ms / get_batch_size(last)),
        last=get_batch_size(last),
    )
    return Finding("batch_scaling", verdict, text)


def _describe_decode_step(profiles: Sequence[Profile]) -> Finding | None:
    """Compare a decode step with the same cell's forward pass, in time and in work."""
    series = list_decode_steps(select_batch_series(profiles))
    if not series:
        return None
    step = series[0]
    forward = next(profile for profile in profiles if profile.cell == step.cell)
    time_share = step.total_ms / forward.total_ms
    verdict, work = "apart", ""
    if step.flops and forward.flops:
        work_share = step.flops / forward.flops
        work = say("finding.for_of_flops", share=format_percent(work_share))
        verdict = "bound_by_memory" if time_share > work_share else "bound_by_work"
    fit = fit_power(
        [get_batch_size(profile) for profile in series], [profile.total_ms for profile in series]
    )
    text = say(
        "finding.decode_step",
        ms=format_number(step.total_ms),
        profile=step.label,
        share=format_percent(time_share),
        work=work,
        growth="" if fit is None else say("finding.grows", fit=format_fit(fit)),
    )
    return Finding("decode_step", verdict, text)


def format_fit(fit: Fit) -> str:
    """Return an exponent with its standard error, as text."""
    if fit.standard_error is None:
        return say("finding.fit_of_two", exponent=write_decimals(f"{fit.exponent:.2f}"))
    return say(
        "finding.fit",
        exponent=write_decimals(f"{fit.exponent:.2f}"),
        error=format_error(fit.standard_error),
        count=fit.points,
    )


def format_error(standard_error: float) -> str:
    """Return a standard error as text."""
    return write_decimals(f"± {standard_error:.2f}" if standard_error >= 0.005 else "± <0.01")


def _judge_scaling(fit: Fit) -> str:
    if fit.standard_error is not None and fit.standard_error > _CLEAR:
        return "unclear"
    if fit.exponent < 1 - _PROPORTIONAL:
        return "sublinear"
    return "superlinear" if fit.exponent > 1 + _PROPORTIONAL else "proportional"


def _compare_image_sizes(profiles: Sequence[Profile]) -> list[Finding]:
    """Compare profiles that differ in the image size alone, each with the next larger size."""
    groups: dict[str, list[Profile]] = {}
    for profile in profiles:
        key = str(sorted(drop_axis(profile.axes, "image_size").items()))
        groups.setdefault(key, []).append(profile)
    pairs: list[Finding] = []
    for group in groups.values():
        ordered = sorted(group, key=_get_image_size)
        pairs.extend(_compare_image_pair(small, large) for small, large in pairwise(ordered))
    return pairs


def _get_image_size(profile: Profile) -> int:
    return profile.axes.image_size


def _compare_image_pair(small: Profile, large: Profile) -> Finding:
    sizes = say("finding.sizes", small=_get_image_size(small), large=_get_image_size(large))
    if len(list_measured([small, large])) < 2:
        lost = large if large.status != "ok" or not large.measured else small
        text = say(
            "finding.size_unknown",
            sizes=sizes,
            lost=_get_image_size(lost),
            status=get_status_label(lost.status),
        )
        return Finding("image_size", "unknown", text)
    is_counted = bool(small.flops and large.flops)
    figures = join_words(
        [
            _format_shapes(small, large),
            *([_format_flops(small, large)] if is_counted else []),
            _format_times(small, large),
        ]
    )
    have_shapes = small.pixel_shape is not None and large.pixel_shape is not None
    is_same_shape = small.pixel_shape == large.pixel_shape
    # Without a count, the pixels alone say whether it is the same work.
    same_flops = (
        math.isclose(small.flops, large.flops, rel_tol=1e-6) if is_counted else is_same_shape
    )
    same_shape = is_same_shape if have_shapes else same_flops
    verdict = "reaches" if not same_shape else "fixed" if same_flops else "contradictory"
    return Finding(
        "image_size", verdict, say(f"finding.size_{verdict}", sizes=sizes, figures=figures)
    )


def _format_shapes(small: Profile, large: Profile) -> str:
    shapes = [_format_shape(profile) for profile in (small, large)]
    if shapes[0] == shapes[1]:
        return say("finding.same_pixels", pixels=shapes[0])
    return say("finding.other_pixels", small=shapes[0], large=shapes[1])


def _format_shape(profile: Profile) -> str:
    if not profile.pixel_shape:
        return say("finding.unknown_pixels")
    return " x ".join(map(str, profile.pixel_shape))


def _format_flops(small: Profile, large: Profile) -> str:
    if math.isclose(small.flops, large.flops, rel_tol=1e-6):
        return say("finding.same_work", work=format_quantity(small.flops, "FLOP"))
    return say(
        "finding.other_work",
        small=format_quantity(small.flops, "FLOP"),
        large=format_quantity(large.flops, "FLOP"),
    )


def _format_times(small: Profile, large: Profile) -> str:
    change = large.total_ms / small.total_ms - 1
    return say(
        "finding.same_time" if abs(change) <= _SAME_TIME else "finding.other_time",
        small=format_number(small.total_ms),
        large=format_number(large.total_ms),
        change=write_decimals(f"{change * 100:+.1f} %"),
    )
