"""What a right answer takes: the energy of a generation over the share of right answers."""

from dataclasses import dataclass

from vlmeter.errors import Sentence
from vlmeter.measure.energy.result import Energy
from vlmeter.metrics.estimates import Estimate, divide_estimates
from vlmeter.metrics.figure import Figure
from vlmeter.results.record import Record


@dataclass(frozen=True)
class EnergyPerRight:
    """The energy for each right answer, or why there is none."""

    joules: Estimate | None
    reason: str | None


def compute_energy_per_right(record: Record) -> EnergyPerRight | None:
    """Return the gross joules of all answers for each that is right.

    Right is what the task's own metric says, sample by sample; an answer that is right in part
    counts as that part. None for a cell that did not end well.
    """
    if record.figures is None:
        return None
    energy = estimate_generation_energy(record.figures.energy_detail)
    if energy is None:
        reason = record.figures.energy_detail.energy_per_token_reason
        return EnergyPerRight(None, reason or Sentence("no generation's energy was measured"))
    share, reason = find_share_right(record.find_task_metric())
    if share is None:
        return EnergyPerRight(None, reason)
    return EnergyPerRight(divide_estimates(energy, share), None)


def estimate_generation_energy(energy: Energy) -> Estimate | None:
    """Return the joules of a sample's generation; None where they were not measured."""
    if energy.generation_j is None:
        return None
    return Estimate(energy.generation_j, energy.generation_low_j, energy.generation_high_j)


def find_share_right(metric: Figure | None) -> tuple[Estimate, None] | tuple[None, str]:
    """Return the share of answers that are right, or why nothing says which are.

    Args:
        metric: The task's own.
    """
    if metric is None or metric.value is None:
        return None, Sentence("its answers were not scored")
    if not metric.counts_right:
        return None, Sentence("its task's own metric does not say which answers are right")
    if metric.value <= 0:
        return None, Sentence("no answer was right")
    return Estimate(metric.value, metric.low, metric.high), None
