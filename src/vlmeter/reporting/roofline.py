"""Computes each kind of layer's work per byte of weights, and its rate."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vlmeter.peaks import peak_of_device
from vlmeter.reporting.profiles import OTHER_KIND, Profile, get_batch_size

Plain = Mapping[str, Any]

WEIGHT_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
"""Bytes of a weight by number format."""


class Work(NamedTuple):
    """The work of a kind of layer in a forward pass."""

    kind: str
    batch: int
    intensity: float
    """FLOP per byte of weights. Each weight counts as read once, activations not at all, so it is
    an upper bound of the arithmetic intensity."""
    flop_per_s: float


def intensity(profile: Profile, flops: float, parameters: float | None) -> float | None:
    """Return the FLOP per byte of weights; None without weights, or if their size is unknown."""
    size = WEIGHT_BYTES.get(str(profile.axes["dtype"]))
    return flops / (parameters * size) if flops and parameters and size else None


def work_of(profiles: Sequence[Profile]) -> list[Work]:
    """Return the work of every kind of layer that has weights, in the order of the profiles."""
    return [
        Work(kind, get_batch_size(profile), flop_per_byte, flops / profile.ms_by_kind()[kind] * 1e3)
        for profile in profiles
        for kind, flops in profile.flops_by_kind().items()
        if kind != OTHER_KIND and profile.ms_by_kind()[kind] > 0
        for flop_per_byte in [intensity(profile, flops, profile.parameters_by_kind().get(kind))]
        if flop_per_byte is not None
    ]


def peak_of(machine: Plain, profiles: Sequence[Profile]) -> float | None:
    """Return the machine's peak for the profiles' device and number format, if it was measured."""
    if not profiles:
        return None
    axes = profiles[0].axes
    return peak_of_device(machine, str(axes["device"]), str(axes["dtype"]))
