"""Sentences about a model's layers, each computed from the profiles and nothing else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vlmeter.reporting.formats import listed, number, percent, quantity, status_label
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.profiles import (
    OTHER_KIND,
    Profile,
    batch_of,
    batch_series,
    decode_steps,
    measured,
    without,
)

HEAVY_SHARE = 0.1
"""A kind of layer that takes at least this share of a forward pass is called heavy."""
_PROPORTIONAL = 0.1
"""How far an exponent may be from 1 to be called proportional."""
_CLEAR = 0.2
"""A fit with a larger standard error than this says nothing."""
_SAME_TIME = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that the profiles show."""

    topic: str
    """heavy_kinds, convolutions, batch_scaling, decode_step or image_size."""
    verdict: str
    """The same in one word, for whoever does not want to parse sentences."""
    text: str


@dataclass(frozen=True)
class Fit:
    """The exponent b of time = a * batch^b, by least squares on logarithms."""

    exponent: float
    standard_error: float | None
    """None for two points, through which every line goes."""
    points: int


def findings(profiles: Sequence[Profile]) -> list[Finding]:
    """Return what the profiles show, in a fixed order; nothing is claimed without figures."""
    usable = measured(profiles)
    if not usable:
        return []
    base = usable[0]
    found = [_heavy_kinds(base), _convolutions(base), _batch_scaling(usable), _decode_step(usable)]
    found.extend(_image_sizes(profiles))
    return [finding for finding in found if finding is not None]


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
    spread = sum((one - mean_x) ** 2 for one in x)
    pairs = list(zip(x, y, strict=True))
    slope = sum((one - mean_x) * (other - mean_y) for one, other in pairs) / spread
    if len(x) == 2:
        return Fit(slope, None, 2)
    residual = sum((other - mean_y - slope * (one - mean_x)) ** 2 for one, other in pairs)
    return Fit(slope, math.sqrt(residual / (len(x) - 2) / spread), len(x))


def _heavy_kinds(profile: Profile) -> Finding:
    total = profile.total_ms
    heavy = [
        f"{recorded(kind)} {number(ms)} ms ({percent(ms / total)})"
        for kind, ms in profile.ms_by_kind().items()
        if kind != OTHER_KIND and ms / total >= HEAVY_SHARE
    ]
    text = say(
        "finding.heavy" if heavy else "finding.not_heavy",
        least=percent(HEAVY_SHARE),
        ms=number(total),
        profile=profile.label,
        kinds=listed(heavy),
    )
    return Finding("heavy_kinds", "some" if heavy else "none", text)


def _convolutions(profile: Profile) -> Finding:
    ms = profile.ms_by_kind().get("convolution", 0.0)
    share = ms / profile.total_ms
    if not ms:
        text = say("finding.no_convolutions", profile=profile.label)
        return Finding("convolutions", "absent", text)
    work = profile.flops_by_kind().get("convolution", 0.0)
    verdict = "heavy" if share >= HEAVY_SHARE else "light"
    text = say(
        f"finding.convolutions_{verdict}",
        ms=number(ms),
        profile=profile.label,
        share=percent(share),
        work=say("finding.and_of_flops", share=percent(work / profile.flops)) if work else "",
    )
    return Finding("convolutions", verdict, text)


def _batch_scaling(profiles: Sequence[Profile]) -> Finding | None:
    series = batch_series(profiles)
    fit = fit_power([batch_of(one) for one in series], [one.total_ms for one in series])
    if fit is None:
        return None
    first, last = series[0], series[-1]
    verdict = _scaling(fit)
    text = say(
        f"finding.{verdict}",
        fit=fit_words(fit),
        first_ms=number(first.total_ms / batch_of(first)),
        first=batch_of(first),
        last_ms=number(last.total_ms / batch_of(last)),
        last=batch_of(last),
    )
    return Finding("batch_scaling", verdict, text)


def _decode_step(profiles: Sequence[Profile]) -> Finding | None:
    """Compare a decode step with the forward pass of the same cell, in time and in work."""
    series = decode_steps(batch_series(profiles))
    if not series:
        return None
    step = series[0]
    forward = next(one for one in profiles if one.cell == step.cell)
    time_share = step.total_ms / forward.total_ms
    verdict, work = "apart", ""
    if step.flops and forward.flops:
        work_share = step.flops / forward.flops
        work = say("finding.for_of_flops", share=percent(work_share))
        verdict = "bound_by_memory" if time_share > work_share else "bound_by_work"
    fit = fit_power([batch_of(one) for one in series], [one.total_ms for one in series])
    text = say(
        "finding.decode_step",
        ms=number(step.total_ms),
        profile=step.label,
        share=percent(time_share),
        work=work,
        growth="" if fit is None else say("finding.grows", fit=fit_words(fit)),
    )
    return Finding("decode_step", verdict, text)


def fit_words(fit: Fit) -> str:
    """Return an exponent with its error as the report writes it."""
    if fit.standard_error is None:
        return say("finding.fit_of_two", exponent=f"{fit.exponent:.2f}")
    return say(
        "finding.fit",
        exponent=f"{fit.exponent:.2f}",
        error=error_words(fit.standard_error),
        count=fit.points,
    )


def error_words(standard_error: float) -> str:
    """Return a standard error as the report writes it."""
    return f"± {standard_error:.2f}" if standard_error >= 0.005 else "± <0.01"


def _scaling(fit: Fit) -> str:
    if fit.standard_error is not None and fit.standard_error > _CLEAR:
        return "unclear"
    if fit.exponent < 1 - _PROPORTIONAL:
        return "sublinear"
    return "superlinear" if fit.exponent > 1 + _PROPORTIONAL else "proportional"


def _image_sizes(profiles: Sequence[Profile]) -> list[Finding]:
    """Compare profiles that differ in the image size only, neighbour by neighbour."""
    groups: dict[str, list[Profile]] = {}
    for profile in profiles:
        key = str(sorted(without(profile.axes, "image_size").items()))
        groups.setdefault(key, []).append(profile)
    found: list[Finding] = []
    for group in groups.values():
        ordered = sorted(group, key=_image_size)
        found.extend(_image_pair(small, large) for small, large in pairwise(ordered))
    return found


def _image_size(profile: Profile) -> int:
    return int(profile.axes["image_size"])


def _image_pair(small: Profile, large: Profile) -> Finding:
    sizes = say("finding.sizes", small=_image_size(small), large=_image_size(large))
    if len(measured([small, large])) < 2:
        lost = large if large.status != "ok" or not large.measured else small
        text = say(
            "finding.size_unknown",
            sizes=sizes,
            lost=_image_size(lost),
            status=status_label(lost.status),
        )
        return Finding("image_size", "unknown", text)
    counted = bool(small.flops and large.flops)
    words = [_shape_words(small, large), *([_flop_words(small, large)] if counted else [])]
    figures = listed([*words, _time_words(small, large)])
    shapes_known = small.pixel_shape is not None and large.pixel_shape is not None
    alike = small.pixel_shape == large.pixel_shape
    # Without a count, the pixels alone say whether it is the same work.
    same_flops = math.isclose(small.flops, large.flops, rel_tol=1e-6) if counted else alike
    same_shape = alike if shapes_known else same_flops
    verdict = "reaches" if not same_shape else "fixed" if same_flops else "contradictory"
    return Finding(
        "image_size", verdict, say(f"finding.size_{verdict}", sizes=sizes, figures=figures)
    )


def _shape_words(small: Profile, large: Profile) -> str:
    shapes = [_shape(profile) for profile in (small, large)]
    if shapes[0] == shapes[1]:
        return say("finding.same_pixels", pixels=shapes[0])
    return say("finding.other_pixels", small=shapes[0], large=shapes[1])


def _shape(profile: Profile) -> str:
    if not profile.pixel_shape:
        return say("finding.unknown_pixels")
    return " x ".join(map(str, profile.pixel_shape))


def _flop_words(small: Profile, large: Profile) -> str:
    if math.isclose(small.flops, large.flops, rel_tol=1e-6):
        return say("finding.same_work", work=quantity(small.flops, "FLOP"))
    return say(
        "finding.other_work",
        small=quantity(small.flops, "FLOP"),
        large=quantity(large.flops, "FLOP"),
    )


def _time_words(small: Profile, large: Profile) -> str:
    change = large.total_ms / small.total_ms - 1
    return say(
        "finding.same_time" if abs(change) <= _SAME_TIME else "finding.other_time",
        small=number(small.total_ms),
        large=number(large.total_ms),
        change=f"{change * 100:+.1f} %",
    )
