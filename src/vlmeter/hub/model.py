"""A model's files from the Hub: those that are loaded, each with the content it should have."""

import glob
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from vlmeter.errors import UserError
from vlmeter.hub.client import connect
from vlmeter.hub.patience import Patience
from vlmeter.hub.refusals import Asked, in_one_sentence

_LOG = logging.getLogger(__name__)
_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
Choice = Callable[[Iterable[str]], list[str]]
"""Says which of a repository's files are taken."""


@dataclass(frozen=True)
class Snapshot:
    """A model's files on this disk."""

    folder: Path
    commit: str


@dataclass(frozen=True)
class Size:
    """What the Hub tells of a model before anything is fetched."""

    parameters: int | None
    bytes: int
    """Of the files that would be fetched."""


def announced_size(name: str, revision: str | None, choose: Choice, patience: Patience) -> Size:
    """Ask how large a model is.

    Raises:
        UserError: the Hub refuses it or cannot be reached.
    """
    asked = Asked(name, revision, is_dataset=False)
    connect(patience)
    with in_one_sentence(asked):
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        wanted = sum(sizes[file] for file in choose(sizes))
    return Size(None if info.safetensors is None else info.safetensors.total, wanted)


def fetch_snapshot(
    name: str,
    revision: str | None,
    choose: Choice,
    patience: Patience,
    accept: Callable[[str | None], None] = lambda _: None,
) -> Snapshot:
    """Bring a model into the Hub's cache.

    Args:
        name: Of the repository.
        revision: A commit, branch or tag; None for the newest.
        choose: Says which of the repository's files are taken.
        patience: How long the Hub is waited for.
        accept: Told the model's type before anything is fetched, where the Hub knows it; raises if
            the model is of no use.

    Raises:
        UserError: the Hub refuses it, cannot be reached, or sends other files than it announces.
    """
    asked = Asked(name, revision, is_dataset=False)
    connect(patience)
    with in_one_sentence(asked):
        try:
            info = HfApi().model_info(asked.name, revision=asked.revision, files_metadata=True)
        except OfflineModeIsEnabled as error:
            _LOG.warning("%s: %s; the Hub's cache is looked into", asked.words, error)
            return _cached(asked, choose)
        accept((info.config or {}).get("model_type"))
        hashes = {file.rfilename: _announced(file) for file in info.siblings or []}
        wanted = {file: hashes[file] for file in choose(hashes)}
        return _fetched(asked, str(info.sha), wanted, patience)


def _fetched(
    asked: Asked, commit: str, hashes: Mapping[str, str | None], patience: Patience
) -> Snapshot:
    """Download until every file has the content that was announced."""
    patterns = [glob.escape(name) for name in hashes]
    wrong: list[str] = []
    for _ in range(patience.attempts):
        folder = snapshot_download(asked.name, revision=commit, allow_patterns=patterns)
        snapshot = Snapshot(Path(folder), commit)
        wrong = list(_wrong_files(snapshot.folder, hashes))
        if not wrong:
            return snapshot
        _LOG.warning("%s: fetched again, content not as announced: %s", asked.words, wrong)
        for name in wrong:
            # With what its name is a link to, or that would be taken again.
            for link in _links(snapshot.folder / name):
                link.unlink(missing_ok=True)
    raise UserError(
        f"{asked.words}: {wrong[0]} does not have the content that the Hub announces, fetched "
        f"{patience.attempts} times: run again later, and if it stays so tell the model's makers."
    )


def _cached(asked: Asked, choose: Choice) -> Snapshot:
    """Take what an earlier download left in the Hub's cache, if it is whole."""
    folder = Path(
        snapshot_download(
            asked.name,
            revision=asked.revision,
            local_files_only=True,
            allow_patterns="config.json",
        )
    )
    names = choose(_known_files(asked.name, folder))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise LocalEntryNotFoundError(f"{missing[0]} is not in the cache")
    # In the cache a file is a link to what has its hash as its name.
    links = {name: _links(folder / name) for name in names}
    hashes = {name: found[1].name for name, found in links.items() if len(found) > 1}
    for name in _wrong_files(folder, hashes):
        raise UserError(
            f"{asked.words}: {name} in the Hub's cache is damaged: delete {links[name][-1]} and "
            "run again with a network."
        )
    return Snapshot(folder, folder.name)


def _links(path: Path) -> list[Path]:
    """Return a path, what it is a link to, what that is a link to, and so on."""
    found = [path]
    while found[-1].is_symlink():
        link = found[-1]
        found.append(Path(os.path.normpath(link.parent / link.readlink())))
    return found


def _known_files(name: str, folder: Path) -> list[str]:
    """Return the files that a snapshot has at its commit, as far as the cache knows."""
    try:
        return [file.path for file in get_cached_repo_tree(name, revision=folder.name)]
    except CachedRepoTreeNotFoundError:
        return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def _announced(file: Any) -> str | None:  # noqa: ANN401 - the Hub's RepoSibling
    """Return the hash of a file's content: SHA-256 where it is large, git's where it is small."""
    if file.lfs is not None:
        return str(file.lfs.sha256)
    return None if file.blob_id is None else str(file.blob_id)


def _wrong_files(folder: Path, hashes: Mapping[str, str | None]) -> Iterable[str]:
    for name, announced in hashes.items():
        if announced is not None and not _has_hash(folder / name, announced):
            yield name


def _has_hash(path: Path, announced: str) -> bool:
    """Compare a file with its hash; a name that is no hash says nothing."""
    if not _HASH.fullmatch(announced):
        return True
    if len(announced) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == announced
