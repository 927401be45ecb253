"""Sentences about a model's layers, each computed from the profiles and nothing else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from vlmeter.reporting.formats import listed, number, percent, quantity
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
        f"{kind} {number(ms)} ms ({percent(ms / total)})"
        for kind, ms in profile.ms_by_kind().items()
        if kind != OTHER_KIND and ms / total >= HEAVY_SHARE
    ]
    where = f"of the {number(total)} ms of a forward pass at {profile.label}"
    if not heavy:
        text = f"No kind of layer is heavy: none takes {percent(HEAVY_SHARE)} {where}."
        return Finding("heavy_kinds", "none", text)
    text = f"Heavy kinds of layer, at least {percent(HEAVY_SHARE)} {where}: {listed(heavy)}."
    return Finding("heavy_kinds", "some", text)


def _convolutions(profile: Profile) -> Finding:
    ms = profile.ms_by_kind().get("convolution", 0.0)
    share = ms / profile.total_ms
    if not ms:
        text = f"Convolutions take no time at {profile.label}: the profile has none."
        return Finding("convolutions", "absent", text)
    work = profile.flops_by_kind().get("convolution", 0.0)
    beside = f" and {percent(work / profile.flops)} of its FLOPs" if work else ""
    figures = (
        f"{number(ms)} ms per forward pass at {profile.label}, {percent(share)} of its time{beside}"
    )
    if share >= HEAVY_SHARE:
        return Finding("convolutions", "heavy", f"Convolutions are heavy: they take {figures}.")
    return Finding("convolutions", "light", f"Convolutions are light: they take {figures}.")


def _batch_scaling(profiles: Sequence[Profile]) -> Finding | None:
    series = batch_series(profiles)
    fit = fit_power([batch_of(one) for one in series], [one.total_ms for one in series])
    if fit is None:
        return None
    first, last = series[0], series[-1]
    per_sample = (
        f"from {number(first.total_ms / batch_of(first))} ms per sample at batch {batch_of(first)} "
        f"to {number(last.total_ms / batch_of(last))} ms at batch {batch_of(last)}"
    )
    verdict, words = _scaling_words(fit)
    return Finding("batch_scaling", verdict, f"{words}: {fit_words(fit)}, {per_sample}.")


def _decode_step(profiles: Sequence[Profile]) -> Finding | None:
    """Compare a decode step with the forward pass of the same cell, in time and in work."""
    series = decode_steps(batch_series(profiles))
    if not series:
        return None
    step = series[0]
    forward = next(one for one in profiles if one.cell == step.cell)
    time_share = step.total_ms / forward.total_ms
    told = (
        f"A decode step takes {number(step.total_ms)} ms at {step.label}, {percent(time_share)} of "
        "the time of a forward pass"
    )
    verdict = "apart"
    if step.flops and forward.flops:
        work_share = step.flops / forward.flops
        told += f" for {percent(work_share)} of its FLOPs"
        verdict = "bound_by_memory" if time_share > work_share else "bound_by_work"
    fit = fit_power([batch_of(one) for one in series], [one.total_ms for one in series])
    growth = "" if fit is None else f"; its time grows {fit_words(fit)}"
    return Finding("decode_step", verdict, f"{told}{growth}.")


def fit_words(fit: Fit) -> str:
    """Return an exponent with its error as the report writes it."""
    if fit.standard_error is None:
        return f"as batch^{fit.exponent:.2f} (two batch sizes: no fit error)"
    return (
        f"as batch^{fit.exponent:.2f} ({error_words(fit.standard_error)}, "
        f"the standard error of the fit through {fit.points} batch sizes)"
    )


def error_words(standard_error: float) -> str:
    """Return a standard error as the report writes it."""
    return f"± {standard_error:.2f}" if standard_error >= 0.005 else "± less than 0.01"


def _scaling_words(fit: Fit) -> tuple[str, str]:
    if fit.standard_error is not None and fit.standard_error > _CLEAR:
        return "unclear", "The time follows no clear power of the batch size"
    if fit.exponent < 1 - _PROPORTIONAL:
        return "sublinear", "The time grows more slowly than the batch, so batching pays"
    if fit.exponent > 1 + _PROPORTIONAL:
        return "superlinear", "The time grows faster than the batch, so batching costs"
    return "proportional", "The time grows in proportion to the batch"


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
    sizes = f"{_image_size(small)} and {_image_size(large)} px"
    if len(measured([small, large])) < 2:
        lost = large if large.status != "ok" or not large.measured else small
        why = f"the profile at {_image_size(lost)} px is missing ({lost.status.replace('_', ' ')})"
        text = f"Whether the image size reaches the model cannot be told for {sizes}: {why}."
        return Finding("image_size", "unknown", text)
    figures = listed(
        [_shape_words(small, large), _flop_words(small, large), _time_words(small, large)]
    )
    same_flops = math.isclose(small.flops, large.flops, rel_tol=1e-6)
    shapes_known = small.pixel_shape is not None and large.pixel_shape is not None
    same_shape = small.pixel_shape == large.pixel_shape if shapes_known else same_flops
    if not same_shape:
        return Finding(
            "image_size", "reaches", f"The image size reaches the model: at {sizes} {figures}."
        )
    if not same_flops:
        text = f"The image size changes the work, though not the pixels: at {sizes} {figures}."
        return Finding("image_size", "contradictory", text)
    text = f"The image size does not reach the model: at {sizes} {figures}."
    return Finding("image_size", "fixed", text)


def _shape_words(small: Profile, large: Profile) -> str:
    shapes = [_shape(profile) for profile in (small, large)]
    if shapes[0] == shapes[1]:
        return f"the model gets {shapes[0]} pixels both times"
    return f"the model gets {shapes[0]} and {shapes[1]} pixels"


def _shape(profile: Profile) -> str:
    return (
        " x ".join(map(str, profile.pixel_shape)) if profile.pixel_shape else "an unknown number of"
    )


def _flop_words(small: Profile, large: Profile) -> str:
    if math.isclose(small.flops, large.flops, rel_tol=1e-6):
        return f"the work is {quantity(small.flops, 'FLOP')} both times"
    return f"the work is {quantity(small.flops, 'FLOP')} and {quantity(large.flops, 'FLOP')}"


def _time_words(small: Profile, large: Profile) -> str:
    change = large.total_ms / small.total_ms - 1
    times = f"{number(small.total_ms)} and {number(large.total_ms)} ms"
    same = "about the same" if abs(change) <= _SAME_TIME else "not the same"
    return f"the time is {same}, {times} ({change * 100:+.1f} %)"
