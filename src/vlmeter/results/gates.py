"""Gates: what a study's limits ask of which cells, and how each cell keeps them."""

from dataclasses import dataclass
from enum import StrEnum

from vlmeter.storage.layout import CellKey


class LimitKind(StrEnum):
    """How a limit bounds a figure."""

    MAX = "max"
    """The figure may not be above the bound."""
    MIN = "min"
    """The figure may not be below the bound."""
    INCREASE = "increase"
    """The figure may not be above the baseline's by more than the bound, in percent."""
    DECREASE = "decrease"
    """The figure may not be below the baseline's by more than the bound, in percent."""

    @property
    def is_relative(self) -> bool:
        """Whether the limit compares with a baseline."""
        return self in (LimitKind.INCREASE, LimitKind.DECREASE)


@dataclass(frozen=True)
class GatePlan:
    """A gate of a study, with the cells that it applies to."""

    metric: str
    unit: str
    is_column: bool
    """Whether the metric is a column of the summary, not one of the task's metrics."""
    max: float | None
    min: float | None
    baseline: str | None
    max_increase_percent: float | None
    max_decrease_percent: float | None
    cells: tuple[CellKey, ...]

    def list_bounds(self) -> list[tuple[LimitKind, float]]:
        """Return the gate's limits."""
        bounds = (
            (LimitKind.MAX, self.max),
            (LimitKind.MIN, self.min),
            (LimitKind.INCREASE, self.max_increase_percent),
            (LimitKind.DECREASE, self.max_decrease_percent),
        )
        return [(kind, bound) for kind, bound in bounds if bound is not None]


class Cause(StrEnum):
    """Why a limit cannot be judged."""

    BASELINE_UNREADABLE = "baseline_unreadable"
    BASELINE_LACKS_CELL = "baseline_lacks_cell"
    BASELINE_NOT_MEASURED = "baseline_not_measured"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class Obstacle:
    """What keeps a limit from being judged, which breaks it."""

    cause: Cause
    status: str | None
    """How the cell ended, where it was not measured at all."""
    reason: str
    """The reason as it was recorded; may be empty."""


@dataclass(frozen=True)
class Verdict:
    """A limit, and how a cell keeps it."""

    gate: int
    """Place of the gate in the config, from 0."""
    metric: str
    unit: str
    kind: LimitKind
    bound: float
    """The limit itself, or the percent of a relative limit."""
    baseline: str | None
    dataset: str
    cell: str
    value: float | None
    kept: bool = False
    base: float | None = None
    """The baseline's figure, as it was compared."""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    repeatability: float | None = None
    """Relative standard deviation of the cost from process to process in this study."""
    obstacle: Obstacle | None = None
    """Why the limit could not be judged, which breaks it."""


@dataclass(frozen=True)
class Judgement:
    """The content of `gates.json`: every limit of every cell that it applies to."""

    kept: int
    broken: int
    limits: tuple[Verdict, ...]

    def list_broken(self) -> list[Verdict]:
        """Return the broken limits."""
        return [verdict for verdict in self.limits if not verdict.kept]
