"""What the job of a shard leaves beside its answers."""

from dataclasses import asdict, dataclass

from vlmeter.cell.ending import Ending
from vlmeter.cell.job import Shard


@dataclass(frozen=True)
class ShardManifest:
    """The content of a shard's JSON: which samples it answers, of which images."""

    ending: Ending
    shard: Shard
    start: int
    """The first sample's place."""
    stop: int
    """The place after the last sample's."""
    rows: int
    """How many are answered: all that can be asked, or none where the shard did not end well."""
    images_sha256: str
    files: dict[str, str]
    """SHA-256 of the table of answers, by its stem."""
    left_out: int = 0
    """How many cannot be asked."""

    def as_plain(self) -> dict[str, object]:
        """Return what is written: one flat table."""
        plain = asdict(self)
        return {**plain.pop("ending"), **plain}
