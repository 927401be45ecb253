"""How often a cell was tried: what makes a crashed cell run again, and a finished study rest.

Each cell's job leaves a small file that is *not* one of its declared outputs: Snakemake deletes
outputs before it evaluates params again, so a param that followed from an output would change
with every look at it.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.status import RETRIED, Status
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class Attempt:
    """The last try of a cell."""

    key: str
    """Digest of all that the try depended on: under another key, counting begins anew."""
    count: int
    status: str
    devices: list[str]
    """What the machine had, as `devices.list_fingerprint` describes it."""
    taken: list[str] = field(default_factory=list)
    """UUIDs of the cell's GPUs that other processes had when it began."""
    timed_out_s: float | None = None
    """The limit under which the try ran out of time; None where it ended by itself."""
    disturbed: bool = False
    """Whether other work ran on the machine during the measurement."""


def read_attempts(folder: Path) -> dict[tuple[str, str], Attempt]:
    """Return the last try of every cell below `folder`, by data set and cell id."""
    attempts = {}
    for path in folder.glob("*/*.json"):
        try:
            attempts[path.parent.name, path.stem] = from_plain(Attempt, read_json(path), path)
        except UserError:
            # A damaged note costs at most one more try.
            continue
    return attempts


def write_attempt(path: Path, attempt: Attempt) -> None:
    """Keep `attempt` as the last try of its cell."""
    write_json(path, asdict(attempt))


def choose_attempt_count(
    last: Attempt | None,
    key: str,
    max_attempts: int,
    devices: list[str] | None,
    timeout_s: float,
    free: Collection[str] = (),
    *,
    remeasures: bool = False,
) -> int:
    """Return the number of the try that should stand behind a cell's outputs.

    A job whose number equals the stored one is at rest. `crashed` and `error` are tried again up
    to `max_attempts` times; `unavailable` when there is something that was not there before, it
    and `out_of_memory` when a GPU is free that others had; what ran out of time when it may take
    longer now. What was measured while other work disturbed it counts as what may end better.

    Args:
        last: The last try, if there was one.
        key: Of what the cell's job depends on now.
        max_attempts: Most tries of a cell that may end better the next time.
        devices: What is here; None where only the job can see them, on a cluster: then a cell that
            was `unavailable`, or ran out of the memory of a GPU that others had, is tried again
            as one that crashed is.
        timeout_s: How long a try may take now.
        free: UUIDs of the GPUs here that no other process has.
        remeasures: Whether a disturbed measurement is tried again.
    """
    if last is None or last.key != key:
        return 1
    retried = RETRIED if devices is not None else RETRIED | {Status.UNAVAILABLE}
    if devices is None and last.taken:
        retried |= {Status.OUT_OF_MEMORY}
    was_disturbed = remeasures and last.disturbed and last.status == Status.OK
    if (last.status in retried or was_disturbed) and last.count < max_attempts:
        return last.count + 1
    if last.timed_out_s is not None and timeout_s > last.timed_out_s:
        return last.count + 1
    gained = set(devices or ()) - set(last.devices)
    freed = set(free) & set(last.taken)
    if last.status == Status.UNAVAILABLE and (gained or freed):
        return last.count + 1
    if last.status == Status.OUT_OF_MEMORY and freed:
        return last.count + 1
    return last.count
