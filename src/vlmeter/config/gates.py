"""Gates: limits that figures must keep, so that a study can stand in a CI."""

from typing import Annotated

from pydantic import Field, model_validator

from vlmeter.config.axes import Fixed
from vlmeter.config.base import Block, Name

Percent = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Limit = Annotated[float, Field(allow_inf_nan=False)]


class GateConfig(Block):
    """A limit for one figure of some cells: where it is broken the run fails, after the report."""

    metric: str = Field(
        description="A column with numbers of `summary.csv`, such as `latency`, `energy`, "
        "`wer_value`, `peak_memory_bytes`, or a metric of the task, such as `vqa_accuracy`."
    )
    max: Limit | None = Field(None, description="The figure may not be above this (SI units).")
    min: Limit | None = Field(None, description="The figure may not be below this (SI units).")
    baseline: str | None = Field(
        None,
        description="`summary.csv` of another study, to be held against; `repeatability.json` and "
        "`cells/` beside it are used where they are there.",
    )
    max_increase_percent: Percent | None = Field(
        None,
        description="How far the figure may be above the baseline's; a difference within the "
        "noise breaks nothing.",
    )
    max_decrease_percent: Percent | None = Field(
        None, description="Likewise how far it may be below."
    )
    sections: list[Name] = Field(
        [], description="Only cells that stand in one of these sections; default: in any."
    )
    datasets: list[Name] = Field(
        [], description="Only cells of these data sets; default: of all that have the figure."
    )
    cells: Fixed = Field(Fixed(), description="Only cells with these values of axes.")

    @model_validator(mode="after")
    def _check_limits(self) -> "GateConfig":
        relative = (self.max_increase_percent, self.max_decrease_percent)
        if all(limit is None for limit in (self.max, self.min, *relative)):
            raise ValueError(
                "has no limit: give `max` or `min`, or a `baseline` with `max_increase_percent` "
                "or `max_decrease_percent`"
            )
        if self.baseline is None and relative != (None, None):
            raise ValueError("a limit in percent needs a `baseline`")
        if self.baseline is not None and relative == (None, None):
            raise ValueError(
                "`baseline` needs `max_increase_percent` or `max_decrease_percent` beside it"
            )
        if self.max is not None and self.min is not None and self.max < self.min:
            raise ValueError(f"max {self.max:g} is below min {self.min:g}")
        return self
