"""What the outputs of a job were made for, kept where no rule deletes it.

Snakemake's own records stay behind when results are copied or their folder is cleaned. A key is
kept with the results, so that outputs which were made for another config are noticed all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.storage.files import json_digest, read_json, write_json


@dataclass(frozen=True)
class JobKey:
    """The key of a job, and the note that holds it once the job has ended."""

    key: str
    note: str
    """Path of the note."""


def compute_job_key(params: Mapping[str, object]) -> str:
    """Return the digest of all that a job depends on."""
    return json_digest(dict(params))


def write_job_key(job: JobKey) -> None:
    """Note what a job's outputs were made for."""
    write_json(Path(job.note), {"key": job.key})


def read_job_key(note: Path) -> str | None:
    """Return the key in a note; None where it is missing or damaged."""
    try:
        return str(read_json(note).get("key"))
    except UserError:
        return None
