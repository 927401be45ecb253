"""What the job is given that scores a cell."""

from dataclasses import dataclass

from vlmeter.results.cell import RecordCell


@dataclass(frozen=True)
class ScoreJob:
    """What a cell's scores depend on, besides its predictions."""

    cell: RecordCell
    task: str
    """caption, vqa, multiple_choice or ocr."""
    seed: int
    """Of the bootstrap, as the next one."""
    resamples: int
    not_measured: str | None = None
    """Why quality means nothing here, such as "random weights"; None where it does."""
