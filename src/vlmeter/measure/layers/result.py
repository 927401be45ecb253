"""Layer profiles, as they are handed on and written."""

from dataclasses import dataclass, field
from typing import NamedTuple

OTHER_MODULE = "(other)"


class LayerRow(NamedTuple):
    """One layer's own part of the whole: of a forward pass, or of a decode step."""

    module: str
    """Dotted name, or `OTHER_MODULE` for what no layer of the stage accounts for."""
    kind: str
    stage: str
    """Empty where the module belongs to no stage; `decode` in every row of a decode step."""
    calls: int
    """Per pass or step, as the next ones."""
    time_ms: float
    """Own time, scaled to the stage in a pass without hooks."""
    share: float
    """Of the whole pass."""
    flops: float | None
    """Of all calls, 2 per multiply-add; None where no count was given."""
    parameters: int
    """Its own; tied weights stand in every row that uses them."""


@dataclass(frozen=True)
class ProfiledStage:
    """The times of a stage, or of what is of none, in a profiled pass."""

    stage: str
    """Empty for what is of no stage."""
    time_ms: float
    """Without hooks: its share of a pass with marks at the stages' boundaries alone."""
    hooked_ms: float


@dataclass(frozen=True)
class ProfiledPass:
    """The times of a profiled forward pass, or of a decode step, which is the pass here."""

    total_ms: float
    """The whole pass: the unhooked median, to which the rows are scaled."""
    unhooked_ms: float
    """Median time of a pass without hooks, half of them timed before and half after. Of a decode
    step: what each token beyond the first adds to a generation."""
    hooked_ms: float
    """Time of a pass with hooks, mean over the kept passes."""
    overhead_share: float
    """How much longer the hooks make a pass. It falls on stages where the host is slower than the
    device, and there mostly on modules with many short layers inside, so own times of attention
    are rather too high than too low."""
    staged_ms: float | None
    """Time of a pass with marks at the stages' boundaries alone, mean over the kept passes; None
    of a decode step, which is one stage, and where no stage was called."""
    other_ms: float
    """All of `OTHER_MODULE`."""
    stages: list[ProfiledStage]
    stages_reason: str | None
    """Why all rows are scaled by one factor, where they are although there are stages."""
    iterations: int
    kept_iterations: int
    """The rows are means over the hooked passes nearest to the median one."""


@dataclass(frozen=True)
class LayerProfile:
    """The layers of a forward pass, or of a decode step."""

    whole: ProfiledPass
    rows: list[LayerRow] = field(repr=False)
    """In the model's order, `OTHER_MODULE` last; their times add up to `whole.total_ms`, and those
    of a stage to that of the stage."""
