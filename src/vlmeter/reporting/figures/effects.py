"""What turning one knob of a study does, against the reference setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vlmeter.axes import AXIS_NAMES, GENERATION_AXES
from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.settings import format_values
from vlmeter.results.difference_row import DifferenceRow, Figure, get_difference
from vlmeter.results.outline import ForestPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences
from vlmeter.storage.layout import DifferenceKey

Outcome = Literal["time", "energy", "quality"]
"""What a knob acts on: a panel."""
Numbers = tuple[float, float | None, float | None]
"""A value and the ends of its interval."""
COSTS: Mapping[Outcome, Figure] = {"time": "sample_time", "energy": "energy"}


@dataclass(frozen=True)
class Effect:
    """What turning one knob does to one outcome on a data set."""

    knob: str
    """The value of the knob in words."""
    dataset: str
    """Name of the data set."""
    cell: str
    """Id of the cell, by which the page finds its row."""
    outcome: Outcome
    value: float
    """A cost as a multiple of the reference's; quality as the difference from it."""
    low: float | None
    """The ends of the 95 % interval; None without one."""
    high: float | None
    disturbed: bool


def list_effects(
    rows: Sequence[SummaryRow], differences: Differences, plan: ForestPlan
) -> list[Effect]:
    """Return what each setting does that differs from its reference on one axis alone."""
    by_cell = {(row.dataset, row.cell): row for row in rows}
    effects = []
    for row in rows:
        reference = by_cell.get(
            (row.dataset, plan.references.get(row.dataset, {}).get(row.model, ""))
        )
        if reference is None or reference is row:
            continue
        changed = _list_changed(row, reference)
        difference = differences.get(DifferenceKey(row.dataset, row.cell, reference.cell))
        if len(changed) == 1 and GENERATION_AXES.isdisjoint(changed) and difference is not None:
            knob = format_values(changed)
            disturbed = bool(row.disturbed or reference.disturbed)
            effects += [
                Effect(knob, row.dataset, row.cell, outcome, *numbers, disturbed)
                for outcome, numbers in _compare(difference).items()
            ]
    return effects


def _list_changed(row: SummaryRow, reference: SummaryRow) -> dict[str, str | int]:
    axes = {
        name: getattr(row, name)
        for name in AXIS_NAMES
        if getattr(row, name) != getattr(reference, name)
    }
    # The number format follows from the device.
    if "device" in axes:
        axes.pop("dtype", None)
    return axes


def make_multiple(difference: Difference, base: float) -> Numbers:
    """Return a difference of cost as a multiple of a positive base, with its interval."""
    share = difference.as_share_of(base)
    low, high = (None if end is None else 1 + end for end in (share.low, share.high))
    # A multiple is positive, and so is its interval.
    is_usable = low is not None and low > 0
    return 1 + share.estimate, low if is_usable else None, high if is_usable else None


def _compare(row: DifferenceRow) -> dict[Outcome, Numbers]:
    """Return the effects of a pair of cells by outcome."""
    effects: dict[Outcome, Numbers] = {}
    for outcome, figure in COSTS.items():
        compared = get_difference(row, figure)
        if compared is not None and compared.base > 0:
            effects[outcome] = make_multiple(compared.difference, compared.base)
    quality = get_difference(row, "task") or get_difference(row, "wer")
    if quality is not None:
        difference = quality.difference
        effects["quality"] = (difference.estimate, difference.low, difference.high)
    return effects
