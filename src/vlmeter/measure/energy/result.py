"""What an energy window gives: joules per sample by device, or why there are none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlmeter.errors import Sentence
from vlmeter.measure.result import WindowEnd


@dataclass(frozen=True)
class Component:
    """One device's part of the window."""

    device: str
    """`cpu`, `ram` or `gpu0`."""
    energy_j: float | None
    """Over the whole window; None when it could not be measured."""
    power_w: float | None
    kind: str
    """`measured`, `modelled` or `constant`."""
    method: str
    reason: str | None
    """Why the energy is None."""
    idle_w: float | None
    codecarbon_j: float | None
    """codecarbon's figure for the same window; it has none for one of several GPUs."""
    difference: float | None
    """How far codecarbon's figure lies above `energy_j`, as a share of it, where a hardware
    counter was read beside it."""


@dataclass(frozen=True)
class Energy:
    """Energy of the whole machine's listed devices while it works on the steps."""

    energy_j: float | None
    """Joules per sample, gross."""
    energy_net_j: float | None
    """Joules per sample above idle."""
    energy_reason: str | None
    """Why `energy_j` is None."""
    energy_net_reason: str | None
    energy_per_token_j: float | None
    """Joules per generated token."""
    energy_per_token_reason: str | None
    window_s: float
    batches: int
    samples: int
    power_w: float | None
    """Mean power over the window."""
    idle_w: float | None
    """Power of the same devices when the machine idles, measured apart."""
    co2e_g: float | None
    """Grams of CO2 equivalent per sample, gross."""
    grid_kg_per_kwh: float | None
    components: list[Component]
    rounds_j: list[float]
    """Joules per sample of each round; empty when `energy_j` is None."""
    low_j: float | None
    """Lower end of the 95 % interval from the spread of the rounds."""
    high_j: float | None
    end: WindowEnd
    token_end: WindowEnd | None = None
    """Of the window of generations."""
    generation_j: float | None = None
    """Joules of a sample's generation of the timed length, gross; of another window than
    `energy_j`."""
    generation_low_j: float | None = None
    """Lower end of its 95 % interval from the spread of the rounds."""
    generation_high_j: float | None = None


def add_generation(forward: Energy, generation: Energy | None, reason: str | None = None) -> Energy:
    """Return the forward pass's energy with that of a window of generations.

    Args:
        forward: Energy of forward passes.
        generation: Energy of generations; None where they failed.
        reason: Why they failed.
    """
    if generation is None:
        return replace(forward, energy_per_token_j=None, energy_per_token_reason=reason)
    return replace(
        forward,
        energy_per_token_j=generation.energy_per_token_j,
        energy_per_token_reason=generation.energy_per_token_reason,
        token_end=generation.end,
        generation_j=generation.energy_j,
        generation_low_j=generation.low_j,
        generation_high_j=generation.high_j,
    )


def join_reasons(components: Sequence[Component]) -> str | None:
    """Return why the devices together have no figure: the reason of each that has none, once."""
    devices: dict[str, list[str]] = {}
    for part in components:
        if part.reason:
            devices.setdefault(part.reason, []).append(part.device)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in devices.items()) or None


def sum_idle_w(components: Sequence[Component]) -> float | None:
    """Return the idle power of all devices; None when one of them has none."""
    watts = [part.idle_w for part in components]
    return None if None in watts else math.fsum(value for value in watts if value is not None)


def subtract_idle(
    total_j: float | None,
    idle_w: float | None,
    seconds: float,
    reason: str | None,
    why_no_idle: str,
) -> tuple[float | None, str | None]:
    """Return the joules above idle, or the reason why there is no such figure.

    Args:
        total_j: Gross joules of the window; None when they could not be measured.
        idle_w: Power of the same devices at idle.
        seconds: Length of the window.
        reason: Why `total_j` is None.
        why_no_idle: Why `idle_w` is None, if it is.
    """
    if total_j is None:
        return None, reason
    if idle_w is None:
        return None, why_no_idle
    net = total_j - idle_w * seconds
    if net <= 0:
        return None, Sentence(
            "the window drew no more power than the machine did when idle was measured"
        )
    return net, None
