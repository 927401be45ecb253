"""The page's first screen in words: the verdict, the best settings by goal, and the chips."""

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from vlmeter.storage.layout import CellKey


@dataclass(frozen=True)
class KnobLine:
    """What one axis does, in a sentence by rules from the differences."""

    axis: str
    text: str
    cells: tuple[CellKey, ...]
    """The settings that it compares."""


@dataclass(frozen=True)
class Verdict:
    """Which setting to deploy."""

    headline: str
    """One sentence: what to deploy, and when not; or that there is no clear winner."""
    knobs: tuple[KnobLine, ...]
    """Up to four more sentences on what each axis does, those that matter most first."""


@dataclass(frozen=True)
class GoalCell:
    """The best setting for a goal on a data set."""

    goal: str
    """`Goal`, for the page's style."""
    cell: str
    """Id of the cell, for a link to its row; empty where the goal cannot be judged."""
    setting: str
    """In words, such as `batch 16`; a dash where the goal cannot be judged."""
    values: tuple[str, ...]
    """Its values with units, the goal's own first, then its quality."""
    notes: tuple[str, ...]
    """What it is tied with, that it was disturbed, that nothing else was measured."""
    clear: bool
    """Whether it is measurably better than every other setting that qualifies."""
    disturbed: bool


@dataclass(frozen=True)
class GoalSpan:
    """Adjacent goals on a data set for which one setting is best."""

    best: GoalCell
    """For the first of them."""
    goals: int
    """Number of goals."""
    values: tuple[str, ...]
    """Those of all the goals, each once."""
    clear: bool
    """For every one of them."""


@dataclass(frozen=True)
class GoalRow:
    """The best settings on one data set with one model."""

    dataset: str
    """Name of the data set, for the page's script."""
    model: str
    title: str
    """The data set's label, with the model's where a study has several."""
    cells: tuple[GoalCell, ...]
    """One for each of `Goals.headings`, in their order."""
    notes: tuple[str, ...]
    """Sentences: what was not varied, what was left out and why, what the study could see."""

    @property
    def spans(self) -> tuple[GoalSpan, ...]:
        """The cells, in which neighbours with one setting are one."""
        groups = (list(group) for _, group in groupby(self.cells, key=lambda cell: cell.cell))
        return tuple(
            GoalSpan(
                best=group[0],
                goals=len(group),
                values=tuple(dict.fromkeys(value for cell in group for value in cell.values)),
                clear=all(cell.clear for cell in group),
            )
            for group in groups
        )


@dataclass(frozen=True)
class Goals:
    """The table of the best settings: a row for each data set and model."""

    headings: tuple[tuple[str, str], ...]
    """`Goal` and its heading; without energy where nothing metered it."""
    rows: tuple[GoalRow, ...]


@dataclass(frozen=True)
class Chip:
    """A short statement on the study, with a link to its explanation."""

    kind: Literal["good", "warning", "plain"]
    text: str
    anchor: str
    """Id of the element that explains it: measured, disturbed, energy, repeatability, drift, lost.
    """


@dataclass(frozen=True)
class FirstScreen:
    """The first screen."""

    verdict: Verdict
    goals: Goals
    chips: tuple[Chip, ...]
    contests: str
    """JSON for the page's script: `packed_contests`."""
    named: tuple[CellKey, ...]
    """The settings that the first screen names, which every page holds."""
