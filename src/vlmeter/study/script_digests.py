"""The digests of the workflow's scripts, kept between runs.

To parse the whole package takes longer than Snakemake takes to plan a small study. So the digests
lie beside Snakemake's own notes, with a checksum of all files that they follow from.
"""

import hashlib
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from vlmeter.code_digest import SCRIPTS, list_reached, script_digest
from vlmeter.errors import UserError
from vlmeter.software.plugins import TABLES, digest_plugins
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.typed import from_plain

_KEPT = Path(".snakemake/script_digests.json")
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class _Kept:
    """What is kept."""

    source: str
    """Checksum of all files that the digests follow from, and of the Python that parsed them."""
    digests: dict[str, str]
    """By script."""


def get_script_digest(script: str) -> str:
    """Return the digest of what a script of the workflow does, with what other packages add to it.

    Args:
        script: Its name in `workflow/scripts`, without an ending.
    """
    digest, plugins = _get_digests()[script], _get_plugins()
    if not plugins:
        return digest
    reached = list_reached(script)
    added = [
        f"{group}={plugins[group]}"
        for group, module in TABLES.items()
        if group in plugins and module in reached
    ]
    return "+".join([digest, *added])


@cache
def _get_plugins() -> dict[str, str]:
    return digest_plugins()


@cache
def _get_digests() -> dict[str, str]:
    source = _compute_checksum()
    # What is missing, damaged or older is made anew.
    with suppress(UserError):
        kept = from_plain(_Kept, read_json(_KEPT), _KEPT)
        if kept.source == source:
            return kept.digests
    digests = {path.stem: script_digest(path.stem) for path in sorted(SCRIPTS.glob("*.py"))}
    # Where nothing can be written, the next run parses again.
    with suppress(OSError):
        write_json(_KEPT, asdict(_Kept(source, digests)))
    return digests


def _compute_checksum() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for folder in (_PACKAGE, SCRIPTS):
        for file in sorted(folder.rglob("*.py")):
            digest.update(os.fsencode(file.relative_to(folder)) + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
