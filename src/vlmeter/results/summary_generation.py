"""The columns of `summary.csv` for what a generated answer costs, and a right one."""

from dataclasses import dataclass

from vlmeter.measure.result import Generation
from vlmeter.metrics.estimates import Estimate
from vlmeter.results.record import Record
from vlmeter.results.right_answers import compute_energy_per_right
from vlmeter.results.summary_costs import CostColumns
from vlmeter.results.summary_fields import Block, cost_block, keep

_generation = cost_block(lambda figures: keep(figures.generation, Generation))
_energy = cost_block(lambda figures: figures.energy_detail)
_right = Block(compute_energy_per_right)


def _find_joules(record: Record) -> Estimate | None:
    right = compute_energy_per_right(record)
    return None if right is None else right.joules


_joules = Block(_find_joules)


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class GenerationColumns(CostColumns):
    """The whole generation: its time, its energy, and what of it is for right answers."""

    generation_s: float | None = _generation.column(
        "s",
        "Generation of the forced length, of a batch: median.",
        lambda generation: generation.generation_s,
    )
    generation_low_s: float | None = _generation.column(
        "s", "Lower end of its 95 % interval over repeats.", lambda generation: generation.low_s
    )
    generation_high_s: float | None = _generation.column(
        "s", "Upper end of its 95 % interval over repeats.", lambda generation: generation.high_s
    )
    energy_generation_j: float | None = _energy.column(
        "J",
        "Gross energy of a sample's generation of the forced length.",
        lambda energy: energy.generation_j,
    )
    energy_generation_low_j: float | None = _energy.column(
        "J",
        "Lower end of its 95 % interval over rounds.",
        lambda energy: energy.generation_low_j,
    )
    energy_generation_high_j: float | None = _energy.column(
        "J",
        "Upper end of its 95 % interval over rounds.",
        lambda energy: energy.generation_high_j,
    )
    tokens_per_j: float | None = _energy.column(
        "tokens/J",
        "Generated tokens for a joule, gross.",
        lambda energy: 1 / energy.energy_per_token_j if energy.energy_per_token_j else None,
    )
    energy_idle_share: float | None = _energy.column(
        "",
        "Share of the gross energy of a forward pass that the idle machine draws too.",
        lambda energy: (
            1 - energy.energy_net_j / energy.energy_j
            if energy.energy_j and energy.energy_net_j is not None
            else None
        ),
    )
    energy_per_right_j: float | None = _joules.column(
        "J",
        "energy_generation_j over the share of right answers, task_value.",
        lambda joules: joules.value,
    )
    energy_per_right_low_j: float | None = _joules.column(
        "J",
        "Lower end of its 95 % interval, from those of both.",
        lambda joules: joules.low,
    )
    energy_per_right_high_j: float | None = _joules.column(
        "J",
        "Upper end of its 95 % interval, from those of both.",
        lambda joules: joules.high,
    )
    energy_per_right_reason: str | None = _right.column(
        "", "Why there is no energy per right answer.", lambda right: right.reason
    )
