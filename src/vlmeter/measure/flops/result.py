"""Counts of floating-point operations, as they are handed on and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DecodeStep:
    """The operations of one new token for every sample of a batch, over a filled cache."""

    flops: float | None
    """A whole number for a single step, for a mean of several not always."""
    reason: str | None
    """Why there is no such count."""
    own_by_module: Mapping[str, float] = field(repr=False)
    """Exclusive of submodules, by dotted name from the decoder; they sum to `flops`."""


@dataclass(frozen=True)
class FlopsDetail:
    """The operations of a pass and of a decode step, with the rate at which the pass does them."""

    flops: int | None
    """All matrix work; None where an operator that does matrix work could not be counted."""
    flops_reason: str | None
    per_sample: float | None
    by_stage: dict[str, int]
    normalisation_flops: int | None
    convention: str
    counter: str
    uncounted: dict[str, int]
    batch_size: int
    achieved_flop_per_s: float | None
    utilisation: float | None
    """Achieved over peak, where the peak is known."""
    decode_step: float | None
    decode_step_reason: str | None


@dataclass(frozen=True)
class MissingFlops:
    """Stands for `FlopsDetail` where counting the pass failed."""

    flops: None
    flops_reason: str
    decode_step: float | None
    decode_step_reason: str | None


@dataclass(frozen=True)
class Flops:
    """The operations of one forward pass of the full batch."""

    flops: int | None
    """All matrix work; None where an operator that does matrix work could not be counted."""
    flops_reason: str | None
    per_sample: float | None
    by_stage: dict[str, int]
    """Disjoint and summing to `flops`; `other` only where modules outside every stage do work."""
    normalisation_flops: int | None
    """fvcore's estimate for layer, batch, group and instance norms: 5 per element, not above.

    None where it cannot trace the model.
    """
    convention: str
    counter: str
    """`fvcore`, or `torch` where its own counter sees work that fvcore's trace leaves out."""
    uncounted: dict[str, int]
    """Operators without a count and how often they ran; fvcore's list of free ones left out."""
    batch_size: int
    by_module: dict[str, int] = field(repr=False)
    """Inclusive of submodules, by dotted name; the model itself is the empty name."""
    own_by_module: dict[str, int] = field(repr=False)
    """Exclusive of submodules, so that these sum to `flops`."""

    def detail(
        self, step: DecodeStep, latency_s: float, peak_flop_per_s: float | None = None
    ) -> FlopsDetail:
        """Return the count as it is written.

        Args:
            step: The count of a decode step after the same pass.
            latency_s: Time of the same forward pass, for the achieved rate.
            peak_flop_per_s: What the device can do in this dtype, for the utilisation.
        """
        achieved = self.flops / latency_s if self.flops is not None and latency_s else None
        return FlopsDetail(
            flops=self.flops,
            flops_reason=self.flops_reason,
            per_sample=self.per_sample,
            by_stage=self.by_stage,
            normalisation_flops=self.normalisation_flops,
            convention=self.convention,
            counter=self.counter,
            uncounted=self.uncounted,
            batch_size=self.batch_size,
            achieved_flop_per_s=achieved,
            utilisation=achieved / peak_flop_per_s if achieved and peak_flop_per_s else None,
            decode_step=step.flops,
            decode_step_reason=step.reason,
        )
