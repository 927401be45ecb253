"""What `collect_answers` leaves for the report: samples with the answers of some cells."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CollectedCell:
    """A cell, and how its answers differ from those of the first cell."""

    cell: str
    shared: int
    """Samples that both answered."""
    changed: int
    """Shared samples whose answers are not the same text."""
    better: int
    worse: int


@dataclass(frozen=True)
class CollectedAnswer:
    """An answer to a sample, with its score."""

    text: str | None
    score: float | None


@dataclass(frozen=True)
class CollectedSample:
    """A sample with an answer per cell."""

    id: str
    image: str | None
    """Name of the file with its picture; None where the picture could not be read."""
    prompt: str
    references: tuple[str, ...]
    changed: bool
    """Whether the cells' answers differ."""
    answers: tuple[CollectedAnswer, ...]


@dataclass(frozen=True)
class CollectedDataset:
    """A data set's samples, the worst first."""

    dataset: str
    metric: str
    """Label of the metric of the scores."""
    higher_is_better: bool
    cells: tuple[CollectedCell, ...]
    samples: tuple[CollectedSample, ...]


@dataclass(frozen=True)
class CollectedAnswers:
    """The content of `answers.json`."""

    datasets: tuple[CollectedDataset, ...]
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each picture beside it, by the file's name."""
