"""How fast each kind of layer works, beside the most that the machine does: the roofline model.

Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52(4), 2009.
"""

from collections.abc import Sequence
from typing import NamedTuple

from vlmeter.machine.description import Machine
from vlmeter.reporting.layers.profiles import OTHER_KIND, Profile, get_batch_size

_WEIGHT_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
"""Bytes of a weight by number format."""


class Work(NamedTuple):
    """The work of a kind of layer in a forward pass."""

    kind: str
    batch: int
    intensity: float
    """FLOP per byte of weights. Each weight counts as read once, activations not at all, so it is
    an upper bound of the arithmetic intensity."""
    flop_per_s: float


def compute_intensity(profile: Profile, flops: float, parameters: float | None) -> float | None:
    """Return the FLOP per byte of weights; None without weights, or if their size is unknown."""
    size = _WEIGHT_BYTES.get(profile.axes.dtype)
    return flops / (parameters * size) if flops and parameters and size else None


def list_work(profiles: Sequence[Profile]) -> list[Work]:
    """Return the work of every kind of layer that has weights, in the order of the profiles."""
    works = []
    for profile in profiles:
        ms, parameters = profile.sum_ms_by_kind(), profile.sum_parameters_by_kind()
        for kind, flops in profile.sum_flops_by_kind().items():
            flop_per_byte = compute_intensity(profile, flops, parameters.get(kind))
            if kind != OTHER_KIND and ms[kind] > 0 and flop_per_byte is not None:
                flop_per_s = flops / ms[kind] * 1e3
                works.append(Work(kind, get_batch_size(profile), flop_per_byte, flop_per_s))
    return works


def find_peak(machine: Machine, profiles: Sequence[Profile]) -> float | None:
    """Return the machine's peak for the profiles' device and number format, if it was measured."""
    if not profiles:
        return None
    axes = profiles[0].axes
    return machine.find_peak(axes.device, axes.dtype)
