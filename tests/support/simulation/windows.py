"""The passes of a simulated cell, by the windows that they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulation.cells import NEW_TOKENS, SimulatedCell
from simulation.ledger import Pass
from simulation.reference import ROWS

T_4 = 2.7764451
"""Student's t for a 95 % interval over five rounds."""
LOOKS_T = {3: 7.648812, 5: 3.960827, 10: 2.933324}
"""Student's t for the interval of a window that is looked at after so many rounds: of the 5 % of
error each of three looks has a third."""


@dataclass(frozen=True)
class Windows:
    """The passes of a cell, by what they were run for."""

    warmup: list[Pass]
    latency: list[Pass]
    energy: list[Pass]
    """With those between its rounds."""
    first: list[Pass]
    whole: list[Pass]
    generation_energy: list[Pass]


def part_passes(cell: SimulatedCell) -> Windows:
    """Part the passes of a cell by the plan of its job; of a window the run that counts."""
    forwards = [it for it in cell.list_passes("forward") if it.rows == ROWS]
    if cell.job.cell.optimization.compile is not None:
        forwards = forwards[1:]
    least_s = 1.0 if cell.job.cell.gpus else 0.0
    for _ in range(cell.machine.settings.is_passed_by):
        # Of the run that was disturbed nothing is left.
        skipped = count_warmup(forwards, least_s)
        forwards = forwards[skipped + sum(count_iterations(cell, forwards[skipped:])) :]
    warmup = count_warmup(forwards, least_s)
    iterations = count_iterations(cell, forwards[warmup:])
    first = cell.list_passes("generate", 1)
    whole = [it for it in cell.list_passes("generate", NEW_TOKENS) if not is_request(cell, it)]
    pairs = zip(first[1:], whole[1:], strict=False)
    rounds = count_rounds(
        cell, [(a.seconds, b.seconds) for a, b in pairs], cell.job.measure.window_s
    )
    begun_s = whole[0].begun_s
    forwards = [it for it in forwards if it.begun_s < begun_s]
    return Windows(
        forwards[:warmup],
        forwards[warmup : warmup + sum(iterations)],
        forwards[warmup + sum(iterations) :],
        first[1 : 1 + rounds],
        whole[1 : 1 + rounds],
        # The last is the one whose cache is counted.
        whole[1 + rounds : -1],
    )


def measure_width(rounds: Sequence[float], cell: SimulatedCell) -> float:
    """Return the half-width of the interval over rounds, as a share of their mean."""
    t = T_4 if cell.job.measure.repeats else LOOKS_T[len(rounds)]
    return float(t * np.std(rounds, ddof=1) / np.sqrt(len(rounds)) / np.mean(rounds))


def count_rounds(
    cell: SimulatedCell, rounds: Sequence[Sequence[float]], cap_s: float = np.inf
) -> int:
    """Return after how many rounds a window ends, by the figures of each."""
    if cell.job.measure.repeats:
        return cell.job.measure.repeats
    for count in LOOKS_T:
        figures = list(zip(*rounds[:count], strict=True))
        assert np.sum(figures) < cap_s, "no window here is ended by its time"
        if max(measure_width(it, cell) for it in figures) <= cell.job.measure.target_interval:
            return count
    return max(LOOKS_T)


def is_request(cell: SimulatedCell, it: Pass) -> bool:
    """Say whether a generation is a request's, which has inputs of its own."""
    return it.batch != cell.list_passes("generate", 1)[0].batch


def count_warmup(passes: Sequence[Pass], least_s: float) -> int:
    """Return how many passes come before the window: one, then threes until two medians agree."""
    medians: list[float] = []
    for first in range(1, len(passes), 3):
        group = passes[first : first + 3]
        medians.append(float(np.median([it.seconds for it in group])))
        agree = len(medians) > 1 and abs(medians[-1] / medians[-2] - 1.0) <= 0.05
        if agree and group[-1].ended_s - passes[0].begun_s >= least_s:
            return first + 3
    raise AssertionError("the passes never settled")


def count_iterations(cell: SimulatedCell, passes: Sequence[Pass]) -> list[int]:
    """Return the passes of each round: so many and no fewer seconds than the plan says."""
    plan, counts, index, medians = cell.job.measure, [], 0, []
    most = plan.repeats or max(LOOKS_T)
    for _ in range(most):
        begun, seconds = index, []
        while sum(seconds) < plan.window_s / most or index - begun < plan.min_iterations / most:
            seconds.append(passes[index].seconds)
            index += 1
        counts.append(index - begun)
        medians.append((float(np.median(seconds)),))
        if len(counts) in LOOKS_T and len(counts) == count_rounds(cell, medians):
            break
    return counts
