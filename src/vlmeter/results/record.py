"""The record of a cell: what it cost, joined with how well it answered."""

from dataclasses import asdict, dataclass
from pathlib import Path

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Figures
from vlmeter.errors import UserError, shorten
from vlmeter.metrics.figure import BadSample, Figure
from vlmeter.results.cell import RecordCell
from vlmeter.status import Status
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_plain

_ERROR_RATES = ("wer", "mer", "cer")


@dataclass(frozen=True)
class Quality:
    """How well a cell answered."""

    metrics: tuple[Figure, ...]
    samples: int
    """Samples of the data set, those that were left out among them."""
    scored: int
    """Samples that were scored by every metric that suits the data set."""
    unscored: int
    """Samples that were left out, or that some metric could not score; none where nothing was to
    be scored."""
    bad_samples: tuple[BadSample, ...]
    """Why, one by one: what is wrong with a sample comes before its effect."""
    definition: str
    """How it was scored, in words."""


@dataclass(frozen=True)
class SourceFigures:
    """The four figures that the source gives for a cell, under its keys."""

    wer_value: float | None
    latency: float | None
    energy: float | None
    flops: str | None
    """As the source writes it."""


@dataclass(frozen=True)
class Record:
    """The content of `record.json`."""

    headline: SourceFigures
    ending: Ending
    cell: RecordCell
    quality: Quality | None
    figures: Figures | None
    """The costs as they were measured; None where the cell did not end well, as of quality."""
    files: dict[str, str]
    """SHA-256 of the tables beside it, by name."""

    @property
    def metrics(self) -> tuple[Figure, ...]:
        """The figures of quality."""
        return () if self.quality is None else self.quality.metrics

    def find_metric(self, name: str) -> Figure | None:
        """Return a figure of quality by its name; None where the cell has no such figure."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def find_task_metric(self) -> Figure | None:
        """Return the task's own metric: the first that is no word error rate."""
        return next((it for it in self.metrics if not it.name.startswith(_ERROR_RATES)), None)

    def as_plain(self) -> dict[str, object]:
        """Return what is written: one flat table, the source's keys first."""
        return {
            **asdict(self.headline),
            **asdict(self.ending),
            "cell": asdict(self.cell),
            "quality": None if self.quality is None else asdict(self.quality),
            **({} if self.figures is None else asdict(self.figures)),
            "files": self.files,
        }


def read_record(path: Path) -> Record:
    """Return the record that `score_predictions` wrote.

    Raises:
        UserError: the file is missing, damaged or holds no record; the message names it.
    """
    plain = read_json(path)
    cell, status = plain.get("cell"), plain.get("status")
    identity = cell if isinstance(cell, dict) else {}
    missing = [key for key in ("id", "dataset") if not isinstance(identity.get(key), str)]
    if missing or status not in set(Status):
        what = f"cell.{missing[0]}" if missing else f"a known status ({shorten(status)})"
        raise UserError(f"{path} is no record: it lacks {what}. Delete it and run again.")
    quality, files = plain.get("quality"), plain.get("files", {})
    return Record(
        headline=from_plain(SourceFigures, plain, path),
        ending=from_plain(Ending, plain, path),
        cell=from_plain(RecordCell, cell, path, "cell"),
        quality=None if quality is None else from_plain(Quality, quality, path, "quality"),
        figures=from_plain(Figures, plain, path) if status == Status.OK else None,
        files=from_plain(dict[str, str], files, path, "files"),
    )
