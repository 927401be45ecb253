"""Cells that repeat a computation: what differs between their costs is what chance alone does.

A study measures some computations more than once without meaning to: image sizes that the
processor resizes to one, input lengths that no text reaches. Each is a process of its own, so
together they show how well a measurement repeats, and every comparison can be held against that.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple

from vlmeter.axes import AXES
from vlmeter.metrics.cost_difference import Repeatability, compare_rounds, pool_repeatability
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.typed import from_plain

Cost = Literal["latency", "energy"]
COSTS: tuple[Cost, ...] = ("latency", "energy")
"""The costs that are measured in rounds."""
Repeated = Literal["latency", "energy", "generation"]
REPEATED: tuple[Repeated, ...] = (*COSTS, "generation")
"""What repeated computations show the repeatability of; a generation has no rounds."""

SAME_COMPUTATION = ("dataset", *(axis.name for axis in AXES if not axis.acts_through_input))
"""Columns that are equal where cells compute the same, beside the shapes that they are fed."""


@dataclass(frozen=True)
class DeviceRepeats:
    """How well a cost repeats on a device, from process to process."""

    deviation: float
    """Relative repeatability standard deviation."""
    freedom: int
    """Its degrees of freedom."""
    cells: int
    """The cells behind it."""
    computations: int
    """The computations that they repeat."""
    pairs: int
    """Pairs of cells that compute the same."""
    false_differences: int
    """How many of them the whole procedure would call different: a check of it."""

    @property
    def repeatability(self) -> Repeatability:
        """What comparisons need of it."""
        return Repeatability(self.deviation, self.freedom)


@dataclass(frozen=True)
class Repeats:
    """The content of `repeatability.json`: how well each cost repeats, by device."""

    latency: dict[str, DeviceRepeats] = field(default_factory=dict)
    energy: dict[str, DeviceRepeats] = field(default_factory=dict)
    generation: dict[str, DeviceRepeats] = field(default_factory=dict)
    """Of the seconds per sample."""

    def of_cost(self, cost: Repeated) -> dict[str, DeviceRepeats]:
        """Return how well a cost repeats, by device."""
        by_device: dict[str, DeviceRepeats] = getattr(self, cost)
        return by_device

    def find(self, cost: Repeated, device: str) -> Repeatability | None:
        """Return how well a cost repeats; None where it was not repeated on the device."""
        repeats = self.of_cost(cost).get(device)
        return None if repeats is None else repeats.repeatability


def read_repeats(path: Path) -> Repeats:
    """Return the content of `repeatability.json`.

    Raises:
        UserError: the file is missing or damaged.
    """
    return from_plain(Repeats, read_json(path), path)


def write_repeats(repeats: Repeats, path: Path) -> None:
    """Write `repeatability.json`."""
    write_json(path, asdict(repeats))


def get_rounds(row: SummaryRow, cost: Cost) -> list[float] | None:
    """Return the rounds behind a cost; None where the cell has no such figure."""
    value, rounds_json = (
        (row.latency, row.latency_rounds_s)
        if cost == "latency"
        else (row.energy, row.energy_rounds_j)
    )
    rounds: list[float] = json.loads(rounds_json or "[]")
    if value is None or not rounds:
        return None
    is_sound = all(isinstance(seconds, int | float) and seconds > 0 for seconds in rounds)
    return rounds if is_sound else None


def get_looks(row: SummaryRow, cost: Cost) -> int:
    """Return how often the window of a cost was to be looked at; once in a study that is older."""
    return (row.latency_looks if cost == "latency" else row.energy_looks) or 1


def list_repeated(row: SummaryRow, cost: Repeated) -> list[float] | None:
    """Return the rounds of a cost; of a generation its single time per sample."""
    if cost != "generation":
        return get_rounds(row, cost)
    return [1 / row.samples_per_s] if row.samples_per_s else None


def compute_cost_difference(
    row: SummaryRow,
    base: SummaryRow,
    cost: Cost,
    *,
    repeats: tuple[Repeats, Repeats],
    rounds: tuple[list[float], list[float]],
) -> Difference:
    """Return how much more a cell costs than another cell, which may be of another study.

    Args:
        row: The cell.
        base: The other cell.
        cost: What is compared.
        repeats: How well costs repeat in the study of each cell, in this order.
        rounds: The rounds of each cell, likewise.
    """
    deviation, base_deviation = (
        study.find(cost, cell.device) for study, cell in zip(repeats, (row, base), strict=True)
    )
    both = (deviation, base_deviation) if deviation and base_deviation else None
    looks = get_looks(row, cost), get_looks(base, cost)
    return compare_rounds(*rounds, repeats=both, looks=looks)


def group_same_computations(rows: Iterable[SummaryRow]) -> list[list[SummaryRow]]:
    """Return the groups of two or more cells that run the same computation.

    `shape_digest`, of a cell's cost batches, is equal for equal token ids, masks and shapes.
    """
    groups: dict[tuple[object, ...], dict[tuple[str, str], SummaryRow]] = {}
    for row in rows:
        if row.status == Status.OK and row.shape_digest:
            computation = (row.shape_digest, *(getattr(row, name) for name in SAME_COMPUTATION))
            # A cell that is listed several times is still one measurement.
            groups.setdefault(computation, {})[row.dataset, row.cell] = row
    return [list(group.values()) for group in groups.values() if len(group) > 1]


def describe_repeats(rows: Iterable[SummaryRow]) -> Repeats:
    """Return how well the costs of a study repeat on each device.

    Disturbed measurements say nothing about those that were not, so they count only on a device
    where nothing else was repeated.
    """
    groups = group_same_computations(rows)
    calm = [[row for row in group if not row.disturbed] for group in groups]
    return Repeats(
        **{cost: _describe_cost(groups, cost) | _describe_cost(calm, cost) for cost in REPEATED}
    )


class _Repeated(NamedTuple):
    rounds: list[float]
    looks: int


def _describe_cost(
    groups: Sequence[Sequence[SummaryRow]], cost: Repeated
) -> dict[str, DeviceRepeats]:
    by_device: dict[str, list[list[_Repeated]]] = {}
    for group in groups:
        repeated = [
            _Repeated(rounds, 1 if cost == "generation" else get_looks(row, cost))
            for row in group
            if (rounds := list_repeated(row, cost))
        ]
        if len(repeated) > 1:
            by_device.setdefault(group[0].device, []).append(repeated)
    return {device: _describe_device(repeated) for device, repeated in by_device.items()}


def _describe_device(groups: Sequence[Sequence[_Repeated]]) -> DeviceRepeats:
    pooled = pool_repeatability([[fmean(each.rounds) for each in group] for group in groups])
    assert pooled is not None, "only computations that were repeated are described"
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    differ = sum(
        compare_rounds(
            a.rounds, b.rounds, repeats=(pooled, pooled), looks=(a.looks, b.looks)
        ).significant
        for a, b in pairs
    )
    return DeviceRepeats(
        deviation=pooled.deviation,
        freedom=pooled.freedom,
        cells=sum(len(group) for group in groups),
        computations=len(groups),
        pairs=len(pairs),
        false_differences=differ,
    )
