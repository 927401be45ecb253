"""Estimates how long the settings that are left will take, from those that were measured."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vlmeter.cell.measurement import read_measurement
from vlmeter.errors import UserError
from vlmeter.machine.host import compute_host_digest
from vlmeter.measure.settings import MeasureSettings
from vlmeter.study.counts import format_count
from vlmeter.study.study import Cell, Study

_DEVIATIONS = 2.0
"""Half the width of a range in standard deviations: 19 of 20 sums lie within."""
_MOST_RECORDS = 200
"""Records that are read: more make no range narrower that a person would see."""


class Duration(NamedTuple):
    """A range of seconds."""

    low_s: float
    high_s: float

    def __str__(self) -> str:
        """Return the range in words; one duration where its ends read the same."""
        low, high = format_duration(self.low_s), format_duration(self.high_s)
        return high if low == high else f"{low} to {high.removeprefix('about ')}"


def estimate_rest(taken_s: Sequence[float], left: int) -> Duration:
    """Return how long further settings take together, if they are like the measured ones.

    The range holds the spread of the settings and that of their mean, which few settings leave
    unsure; a single one gives no range.

    Args:
        taken_s: Seconds that each measured setting took; at least one.
        left: Number of settings that are left.
    """
    mean_s = statistics.fmean(taken_s)
    variance = statistics.variance(taken_s) if len(taken_s) > 1 else 0.0
    half_s = _DEVIATIONS * math.sqrt(variance * (left + left**2 / len(taken_s)))
    return Duration(max(left * min(taken_s), left * mean_s - half_s), left * mean_s + half_s)


def sum_caps(measure: MeasureSettings, left: int) -> float:
    """Return the seconds that the timed windows of settings take by their caps.

    Those of forward passes, of generations, of energy and, where they are timed, of requests.
    """
    windows = 3 if measure.request else 2
    return left * (windows * measure.window_s + measure.energy.window_s)


def describe_duration(study: Study, runnable: Sequence[Cell]) -> Iterator[str]:
    """Say how long the settings that can run here and are not measured will take.

    Args:
        study: The study.
        runnable: Its cells that can run on this machine.
    """
    left = [cell for cell in runnable if not study.folder.cell(cell.key).measurement.exists()]
    if not left:
        return
    measure = study.measure_settings
    yield (
        f"time: {format_duration(sum_caps(measure, len(left)))} for the windows of "
        f"{format_count(len(left), 'setting')} at their caps: less where intervals are "
        f"narrow sooner, more where {measure.min_iterations} forward passes last longer; "
        "starting, loading and answering come on top"
    )
    taken_s = list(_read_taken(study, [cell for cell in runnable if cell not in left]))
    if taken_s:
        measured = "one that was" if len(taken_s) == 1 else f"{len(taken_s)} that were"
        yield (
            f"time: {estimate_rest(taken_s, len(left))} in all, if they are like the {measured} "
            "measured on a machine like this one"
        )


def _read_taken(study: Study, cells: Iterable[Cell]) -> Iterator[float]:
    """Yield the seconds of each cell's process, of cells that were measured on such a machine."""
    host = compute_host_digest()
    for cell in list(cells)[:_MOST_RECORDS]:
        try:
            figures = read_measurement(study.folder.cell(cell.key).measurement).figures
        except UserError:
            # The workflow measures it again; it says nothing of the time.
            continue
        if figures is not None and figures.provenance.host == host:
            yield figures.time_spent_s["whole"]


def format_duration(seconds: float) -> str:
    """Return about how long something takes, e.g. `about 3 min`."""
    if seconds < 60:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {hours} h{f' {rest} min' if rest else ''}"
