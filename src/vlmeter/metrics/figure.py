"""What scoring says of a data set: its figures, and the samples that could not be scored."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure's value over the data set, with its interval."""

    name: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    higher_is_better: bool | None
    scored: int
    """Number of samples that were scored."""
    note: str | None = None
    counts_right: bool = False
    """Whether it is the share of answers that are right."""


@dataclass(frozen=True)
class BadSample:
    """A sample that some metrics could not score."""

    id: str
    reason: str
    metrics: tuple[str, ...] = ()
    """Those that could not; none where the sample has no usable prediction."""
