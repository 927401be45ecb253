"""How much work each kind of layer does per byte of its weights, and how fast."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vlmeter.peaks import peak_of_device
from vlmeter.reporting.profiles import OTHER_KIND, Profile, batch_of

Plain = Mapping[str, Any]

WEIGHT_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
"""Bytes of a weight by number format."""


class Work(NamedTuple):
    """What one kind of layer does in a forward pass."""

    kind: str
    batch: int
    intensity: float
    """FLOP per byte of weights: each counts as read once, activations not at all, so the most that
    the arithmetic intensity can be."""
    flop_per_s: float


def intensity(profile: Profile, flops: float, parameters: float | None) -> float | None:
    """Return the FLOP per byte of weights; None where there are none, or of an unknown size."""
    size = WEIGHT_BYTES.get(str(profile.axes["dtype"]))
    return flops / (parameters * size) if flops and parameters and size else None


def work_of(profiles: Sequence[Profile]) -> list[Work]:
    """Return the work of every kind of layer that has weights, in the order of the profiles."""
    return [
        Work(kind, batch_of(one), found, flops / one.ms_by_kind()[kind] * 1e3)
        for one in profiles
        for kind, flops in one.flops_by_kind().items()
        if kind != OTHER_KIND and one.ms_by_kind()[kind] > 0
        for found in [intensity(one, flops, one.parameters_by_kind().get(kind))]
        if found is not None
    ]


def peak_of(machine: Plain, profiles: Sequence[Profile]) -> float | None:
    """Return the machine's peak for the profiles' device and number format, where it is known."""
    if not profiles:
        return None
    axes = profiles[0].axes
    return peak_of_device(machine, str(axes["device"]), str(axes["dtype"]))
