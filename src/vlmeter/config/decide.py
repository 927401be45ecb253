"""What the chosen setting must keep: floors of quality and limits of costs."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from vlmeter.config.base import Block, Name


def _check_finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("should be a finite number")
    return value


Floor = Annotated[float, AfterValidator(_check_finite)]
Bound = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DecideConfig(Block):
    """Limits of the settings that the report may recommend; they change no measurement."""

    min_quality: Floor | dict[Name, Floor] = Field(
        {},
        description="Worst value of the task's metric (of an error rate the highest): one for all "
        "data sets, or one by name. The cheapest settings that answer as well are named, however "
        "the reference answers.",
    )
    max_latency_s: Bound | None = Field(
        None, description="Longest time of a forward pass of a batch."
    )
    max_memory_gb: Bound | None = Field(
        None, description="Highest peak of memory, in units of 10^9 bytes."
    )
    max_energy_j: Bound | None = Field(
        None, description="Highest energy per sample; only metered energy can keep it."
    )
