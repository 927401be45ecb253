"""What the job is given that scores a cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vlmeter.results.cell import RecordCell
from vlmeter.storage.typed import from_plain


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

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> "ScoreJob":
        """Build it from its plain form."""
        return from_plain(cls, dict(params), Path("the job's params"))
