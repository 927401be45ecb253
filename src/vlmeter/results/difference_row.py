"""A row of `differences.csv`: one cell compared with another, figure by figure."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.columns import column, get_number, list_columns

Figure = Literal["latency", "sample_time", "energy", "wer", "task"]
"""What two cells are compared in; the beginning of its columns' names."""

SUFFIXES: dict[Figure, str] = {
    "latency": "_s",
    "sample_time": "_s",
    "energy": "_j",
    "wer": "",
    "task": "",
}
"""How the columns of a figure end: by its unit."""

_LOW = "Lower end of its 95 % interval."
_HIGH = "Upper end of its 95 % interval."
_DIFFERS = "Whether the interval excludes zero; empty without an interval."
_LATENCY = "Mean over rounds of the median latency"
_SAMPLE_TIME = "Mean over rounds of the median latency, per sample of the batch"
_ENERGY = "Mean energy per sample over rounds"
_WER = "Word error rate over the samples that both scored"
_TASK = "Task metric over the samples that both scored"


@dataclass(frozen=True)
class DifferenceRow:
    """A pair of a cell and the cell that it is compared with."""

    dataset: str = column("", "Name of the data set.")
    cell: str = column("", "The cell that is compared.")
    base: str = column("", "The cell it is compared with, on the same data set.")
    latency_base_s: float | None = column("s", f"{_LATENCY} of the base.")
    latency_difference_s: float | None = column("s", f"{_LATENCY}: cell less base.")
    latency_difference_low_s: float | None = column("s", _LOW)
    latency_difference_high_s: float | None = column("s", _HIGH)
    latency_differs: bool | None = column("", _DIFFERS)
    sample_time_base_s: float | None = column("s", f"{_SAMPLE_TIME} of the base.")
    sample_time_difference_s: float | None = column("s", f"{_SAMPLE_TIME}: cell less base.")
    sample_time_difference_low_s: float | None = column("s", _LOW)
    sample_time_difference_high_s: float | None = column("s", _HIGH)
    sample_time_differs: bool | None = column("", _DIFFERS)
    energy_base_j: float | None = column("J", f"{_ENERGY} of the base.")
    energy_difference_j: float | None = column("J", f"{_ENERGY}: cell less base.")
    energy_difference_low_j: float | None = column("J", _LOW)
    energy_difference_high_j: float | None = column("J", _HIGH)
    energy_differs: bool | None = column("", _DIFFERS)
    wer_base: float | None = column("", f"{_WER} of the base.")
    wer_difference: float | None = column("", f"{_WER}: cell less base.")
    wer_difference_low: float | None = column("", _LOW)
    wer_difference_high: float | None = column("", _HIGH)
    wer_differs: bool | None = column("", _DIFFERS)
    task_metric: str | None = column("", "Name of the task's own metric.")
    task_base: float | None = column("", f"{_TASK} of the base.")
    task_difference: float | None = column("", f"{_TASK}: cell less base.")
    task_difference_low: float | None = column("", _LOW)
    task_difference_high: float | None = column("", _HIGH)
    task_differs: bool | None = column("", _DIFFERS)
    changed_predictions: int | None = column("", "Answers that are not the same text.")
    shared_predictions: int | None = column("", "Samples that both cells answered.")


DIFFERENCE_COLUMNS = list_columns(DifferenceRow)


class FromBase(NamedTuple):
    """A figure of a cell compared with the same figure of its base."""

    base: float
    """The base's figure, as it was compared."""
    difference: Difference
    """The cell's figure less the base's."""


def get_difference(row: DifferenceRow, figure: Figure) -> FromBase | None:
    """Return the difference of a figure that is chosen by its name; None where there is none."""
    base_name, estimate_name, low_name, high_name, _ = _name_columns(figure)
    base, estimate = get_number(row, base_name), get_number(row, estimate_name)
    if base is None or estimate is None:
        return None
    low, high = get_number(row, low_name), get_number(row, high_name)
    return FromBase(base, Difference(estimate, low, high))


def list_values(figure: Figure, compared: FromBase) -> dict[str, float | bool | None]:
    """Return the values of a figure's columns."""
    base, difference = compared
    differs = None if difference.low is None else difference.significant
    values: tuple[float | bool | None, ...] = (
        *(base, difference.estimate, difference.low, difference.high),
        differs,
    )
    return dict(zip(_name_columns(figure), values, strict=True))


def _name_columns(figure: Figure) -> tuple[str, str, str, str, str]:
    suffix = SUFFIXES[figure]
    return (
        f"{figure}_base{suffix}",
        f"{figure}_difference{suffix}",
        f"{figure}_difference_low{suffix}",
        f"{figure}_difference_high{suffix}",
        f"{figure}_differs",
    )
