"""What a decision is made of: the computations that a study measured, and what each one carries.

Two candidates can be compared by what each of them carries, so a page's script can follow when
limits move: of a cost its logarithm with a *reach*, of quality its value with a reach to either
side. They differ measurably where their distance is more than both reaches together, which add up
as the legs of a right triangle (method of variance estimates recovery, Zou and Donner, 2008,
"Construction of confidence limits about effect measures").
"""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Cost:
    """A cost on the log scale; less is better."""

    value: float
    """In SI units, as the tables show it; of several cells the mean."""
    log: float
    """Natural logarithm of the mean over rounds, by which costs are compared."""
    reach: float | None
    """How far it may be off, in the same logarithms: by the spread of its rounds, or by what
    processes with the same computation differ by, whichever is more. None where neither was seen.
    """


@dataclass(frozen=True)
class Quality:
    """How well a candidate answers, by the data set's metric."""

    value: float
    below: float | None
    """How far it may be lower, beside the reference on the same samples; 0 for the reference, None
    where no interval was computed.
    """
    above: float | None
    """Likewise how far it may be higher."""


@dataclass(frozen=True)
class Candidate:
    """A computation that was measured: one cell, or several cells that compute the same."""

    cell: str
    """Id of the cell that stands for it: of its cells the nearest to the base."""
    members: tuple[str, ...]
    """Ids of all its cells, `cell` first."""
    nearness: int
    """Its place among the candidates by distance from the base, from 0: ties go to the least."""
    latency: Cost | None
    """Seconds of a forward pass of a batch."""
    sample_time: Cost | None
    """Seconds of a sample, of what `Contest.throughput` says."""
    energy: Cost | None
    """Joules per sample; None where it was not metered, for then it only follows time."""
    memory_gb: float | None
    """Peak memory in units of 10^9 bytes."""
    quality: Quality | None
    disturbed: bool
    """Whether other work ran on the machine during all its measurements."""


@dataclass(frozen=True)
class Contest:
    """The candidates on one data set with one model: what a decision is made between."""

    dataset: str
    model: str
    reference: str
    """`Candidate.cell` of the candidate that holds the reference; empty where it has no values."""
    metric: str | None
    """Label of the metric that judges quality; None where quality was not measured."""
    higher_is_better: bool
    """Of the metric."""
    samples: int | None
    """Samples that the reference's quality rests on."""
    throughput: Literal["generation", "forward"]
    """What `sample_time` is of: the forward pass only where generations were not timed."""
    not_varied: dict[str, str | int]
    """Axes that the study varies on other data sets but not here, with their only value."""
    candidates: tuple[Candidate, ...]
    """In the order of the report."""


def is_measurable(distance: float, reach: float | None, other: float | None) -> bool:
    """Say whether a distance is more than both reaches together; never where one is not known."""
    if reach is None or other is None:
        return False
    # Not `hypot`, which may round otherwise than the page's script.
    return distance > math.sqrt(reach * reach + other * other)
