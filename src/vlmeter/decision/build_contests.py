"""Builds the candidates of each data set and model from a study's tables."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Literal

from vlmeter.axes import AXES, GENERATION_AXES, Axes
from vlmeter.decision.candidates import Candidate, Contest, Cost, Quality, is_measurable
from vlmeter.decision.metric import choose_metric
from vlmeter.metrics.cost_difference import Repeatability, measure_reach
from vlmeter.results.difference_row import DifferenceRow, get_difference
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import (
    Repeated,
    Repeats,
    get_looks,
    get_rounds,
    group_same_computations,
)
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences
from vlmeter.status import Status
from vlmeter.storage.layout import DifferenceKey

_METERED = 0.5
"""Least share of the energy that must come from meters: a modelled CPU follows time."""
_SETTING_AXES = tuple(axis for axis in AXES if axis.name != "model")


def build_contests(
    rows: Iterable[SummaryRow], differences: Differences, repeats: Repeats, outline: Outline
) -> list[Contest]:
    """Return a contest for each data set and model with a measured cell, in the order of the rows.

    Args:
        rows: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        repeats: How well costs repeat.
        outline: The study: its base and its references.
    """
    measured = [row for row in rows if row.status == Status.OK and _is_cost(row.latency)]
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in measured:
        groups.setdefault((row.dataset, row.model), []).append(row)
    contested = [_select_one_length(group, outline.base) for group in groups.values()]
    varied = _list_varied(row for group in contested for row in group)
    return [_Builder(group, differences, repeats, outline).build(varied) for group in contested]


def _select_one_length(rows: Sequence[SummaryRow], base: Axes) -> list[SummaryRow]:
    """Return the cells that generate as much as the base, or where none does, as the first.

    How much is generated is the work to be done, which nobody chooses by its cost.
    """
    lengths = [[getattr(row, name) for name in GENERATION_AXES] for row in rows]
    asked = [getattr(base, name) for name in GENERATION_AXES]
    chosen = asked if asked in lengths else lengths[0]
    return [row for row, length in zip(rows, lengths, strict=True) if length == chosen]


def is_metered(row: SummaryRow) -> bool:
    """Say whether meters, not models or constants, gave most of a cell's energy."""
    parts = [
        (row.energy_cpu_j, row.energy_cpu_kind),
        (row.energy_gpu_j, row.energy_gpu_kind),
        (row.energy_ram_j, row.energy_ram_kind),
    ]
    total = math.fsum(joules for joules, _ in parts if joules)
    metered = math.fsum(joules for joules, kind in parts if joules and kind == "measured")
    return total > 0 and metered >= _METERED * total


class _Builder:
    """Builds one contest."""

    def __init__(
        self,
        rows: Sequence[SummaryRow],
        differences: Differences,
        repeats: Repeats,
        outline: Outline,
    ) -> None:
        first = rows[0]
        self.dataset, self.model = first.dataset, first.model
        self.near_first = _sort_by_nearness(rows, outline.base)
        self.order = {row.cell: place for place, row in enumerate(rows)}
        self.differences = differences
        self.repeats = repeats
        self.reference = outline.references.get(self.dataset, {}).get(self.model, "")
        self.metric = choose_metric(rows)
        has_generations = all(row.samples_per_s for row in rows)
        self.throughput: Literal["generation", "forward"] = (
            "generation" if has_generations else "forward"
        )

    def build(self, varied: dict[str, set[object]]) -> Contest:
        computations = self._merge()
        candidates = [
            self._build_candidate(cells, place) for place, cells in enumerate(computations)
        ]
        own = _list_varied(self.near_first)
        reference = next((it for it in candidates if self.reference in it.members), None)
        reference_row = next((it for it in self.near_first if it.cell == self.reference), None)
        return Contest(
            dataset=self.dataset,
            model=self.model,
            reference="" if reference is None else reference.cell,
            metric=None if self.metric is None else self.metric.label,
            higher_is_better=self.metric is None or self.metric.higher_is_better,
            samples=None if reference_row is None else reference_row.scored_samples,
            throughput=self.throughput,
            not_varied={
                name: getattr(self.near_first[0], name)
                for name, values in own.items()
                if len(values) == 1 and len(varied[name]) > 1
            },
            candidates=tuple(sorted(candidates, key=lambda it: self.order[it.cell])),
        )

    def _merge(self) -> list[list[SummaryRow]]:
        """Return the cells of each computation, the nearest to the base first in both orders.

        Cells with the same shapes are one computation. Their images may differ all the same: a cell
        that answers measurably otherwise stands for itself.
        """
        numbers = {
            row.cell: number
            for number, group in enumerate(group_same_computations(self.near_first))
            for row in group
        }
        computations: list[list[SummaryRow]] = []
        by_number: dict[int, list[list[SummaryRow]]] = {}
        for row in self.near_first:
            alike = by_number.setdefault(numbers[row.cell], []) if row.cell in numbers else []
            cells = next((it for it in alike if self._answers_alike(row, it[0])), None)
            if cells is None:
                cells = []
                computations.append(cells)
                alike.append(cells)
            cells.append(row)
        return computations

    def _answers_alike(self, row: SummaryRow, other: SummaryRow) -> bool:
        """Say whether two cells with the same shapes answer alike, as far as can be seen."""
        if row.content_digest is not None and row.content_digest == other.content_digest:
            return True
        if self.metric is None:
            return True
        direct = self._find_difference(row.cell, other.cell)
        compared = None if direct is None else get_difference(direct, self.metric.figure)
        if compared is not None:
            return not compared.difference.significant
        both = self._build_quality(row), self._build_quality(other)
        if both[0] is None or both[1] is None:
            return both[0] is both[1]
        low, high = sorted((both[0], both[1]), key=lambda quality: quality.value)
        return not is_measurable(high.value - low.value, low.above, high.below)

    def _find_difference(self, cell: str, other: str) -> DifferenceRow | None:
        return self.differences.get(DifferenceKey(self.dataset, cell, other))

    def _build_candidate(self, cells: Sequence[SummaryRow], nearness: int) -> Candidate:
        calm = [row for row in cells if not row.disturbed] or cells
        memory = [row.peak_memory_bytes for row in cells if row.peak_memory_bytes is not None]
        metered = [row for row in calm if _is_cost(row.energy) and is_metered(row)]
        latency = self._build_cost(calm, "latency")
        return Candidate(
            cell=cells[0].cell,
            members=tuple(row.cell for row in cells),
            nearness=nearness,
            latency=latency,
            sample_time=self._build_sample_time(calm, latency),
            energy=self._build_cost(metered, "energy") if metered else None,
            memory_gb=max(memory) / 1e9 if memory else None,
            quality=self._build_quality(cells[0]),
            disturbed=all(bool(row.disturbed) for row in cells),
        )

    def _build_cost(self, cells: Sequence[SummaryRow], cost: Literal["latency", "energy"]) -> Cost:
        values = [float(row.latency if cost == "latency" else row.energy) for row in cells]  # type: ignore[arg-type]
        rounds = [
            seconds
            for row, value in zip(cells, values, strict=True)
            for seconds in get_rounds(row, cost) or [value]
        ]
        repeat = self._find_repeat(cells, cost)
        reach = measure_reach(rounds, repeat, looks=max(get_looks(row, cost) for row in cells))
        return Cost(fmean(values), math.log(fmean(rounds)), reach)

    def _build_sample_time(self, cells: Sequence[SummaryRow], latency: Cost) -> Cost:
        """Return the seconds of a sample.

        A generation is timed without rounds: its spread within a process is taken to be that of
        forward passes.
        """
        if self.throughput == "forward":
            size = cells[0].batch_size
            return replace(latency, value=latency.value / size, log=latency.log - math.log(size))
        seconds = fmean(1 / row.samples_per_s for row in cells if row.samples_per_s)
        rounds = [second for row in cells for second in get_rounds(row, "latency") or ()]
        looks = max(get_looks(row, "latency") for row in cells)
        within = measure_reach(rounds, None, looks=looks) if rounds else None
        repeat = self._find_repeat(cells, "generation")
        between = None if repeat is None else measure_reach([seconds], repeat)
        reaches = [reach for reach in (within, between) if reach is not None]
        return Cost(seconds, math.log(seconds), max(reaches, default=None))

    def _find_repeat(self, cells: Sequence[SummaryRow], cost: Repeated) -> Repeatability | None:
        """Return the repeatability of the mean over the cells."""
        repeat = self.repeats.find(cost, cells[0].device)
        if repeat is None:
            return None
        return replace(repeat, deviation=repeat.deviation / math.sqrt(len(cells)))

    def _build_quality(self, row: SummaryRow) -> Quality | None:
        """Return a cell's quality beside the reference's on the same samples.

        Where the two were not compared, the cell's own interval stands for that: it is wider.
        """
        if self.metric is None:
            return None
        task = row.task_value, row.task_low, row.task_high
        word_errors = row.wer_value, row.wer_low, row.wer_high
        value, low, high = task if self.metric.figure == "task" else word_errors
        if value is None:
            return None
        if row.cell == self.reference:
            return Quality(value, 0.0, 0.0)
        compared = self._find_difference(row.cell, self.reference)
        paired = None if compared is None else get_difference(compared, self.metric.figure)
        middle = value
        if paired:
            middle, low, high = vars(paired.difference).values()
        if low is None or high is None:
            return Quality(value, None, None)
        return Quality(value, middle - low, high - middle)


def _is_cost(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _list_varied(rows: Iterable[SummaryRow]) -> dict[str, set[object]]:
    """Return the values of each axis."""
    varied: dict[str, set[object]] = {axis.name: set() for axis in _SETTING_AXES}
    for row in rows:
        for name, values in varied.items():
            values.add(getattr(row, name))
    return varied


def _sort_by_nearness(rows: Sequence[SummaryRow], base: Axes) -> list[SummaryRow]:
    """Return cells by how many axes differ from the base, then by how far numbers do."""

    def measure(row: SummaryRow) -> tuple[int, float]:
        changed = [
            axis for axis in _SETTING_AXES if getattr(row, axis.name) != _get(base, axis.name)
        ]
        factors = [
            # Of one more, since an axis may be zero.
            abs(math.log1p(getattr(row, axis.name)) - math.log1p(int(_get(base, axis.name))))
            for axis in changed
            if axis.is_number
        ]
        return len(changed), math.fsum(factors)

    return sorted(rows, key=measure)


def _get(axes: Axes, name: str) -> str | int:
    value: str | int = getattr(axes, name)
    return value
