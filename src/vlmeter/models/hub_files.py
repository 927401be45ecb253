"""A model's files from the Hub: those that are loaded, each compared with its hash."""

import glob
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from vlmeter.hub.client import install_client
from vlmeter.hub.errors import Repository, explain_errors
from vlmeter.hub.retry import RetryPolicy

_LOG = logging.getLogger(__name__)
_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
FileFilter = Callable[[Iterable[str]], list[str]]
"""Returns those of a repository's files that are needed."""


@dataclass(frozen=True)
class Snapshot:
    """A model's files on this disk."""

    folder: Path
    commit: str


@dataclass(frozen=True)
class Size:
    """A model's size, as the Hub states it before anything is fetched."""

    parameters: int | None
    bytes: int
    """Of all files that would be fetched."""


def fetch_size(
    name: str,
    revision: str | None,
    choose: FileFilter,
    retry_policy: RetryPolicy,
    accept: Callable[[str | None], None] = lambda _: None,
) -> Size:
    """Ask the Hub how large a model is.

    Args:
        name: The repository's name.
        revision: A commit, branch or tag; None for the newest.
        choose: Returns those of the repository's files that are needed.
        retry_policy: Of requests to the Hub.
        accept: As of `fetch_snapshot`.

    Raises:
        UserError: the Hub refuses the request or cannot be reached.
    """
    repository = Repository(name, revision, is_dataset=False)
    install_client(retry_policy)
    with explain_errors(repository):
        info = HfApi().model_info(name, revision=revision, files_metadata=True)
        accept((info.config or {}).get("model_type"))
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        wanted = sum(sizes[file] for file in choose(sizes))
    return Size(None if info.safetensors is None else info.safetensors.total, wanted)


def fetch_snapshot(
    name: str,
    revision: str | None,
    choose: FileFilter,
    retry_policy: RetryPolicy,
    accept: Callable[[str | None], None] = lambda _: None,
) -> Snapshot:
    """Download a model into the Hub's cache.

    Args:
        name: The repository's name.
        revision: A commit, branch or tag; None for the newest.
        choose: Returns those of the repository's files that are needed.
        retry_policy: Of requests to the Hub.
        accept: Called with the model's type (None if the Hub does not state it) before anything
            is fetched; raises if the model cannot be used.

    Raises:
        UserError: the Hub refuses the request, cannot be reached, or sends files with other content
            than it announces.
    """
    repository = Repository(name, revision, is_dataset=False)
    install_client(retry_policy)
    with explain_errors(repository):
        try:
            info = HfApi().model_info(
                repository.name, revision=repository.revision, files_metadata=True
            )
        except OfflineModeIsEnabled as error:
            cached = _find_in_cache(repository, choose)
            _LOG.warning("%s: %s; it is taken from the Hub's cache", repository.title, error)
            return cached
        accept((info.config or {}).get("model_type"))
        hashes = {file.rfilename: _read_hash(file) for file in info.siblings or []}
        wanted = {file: hashes[file] for file in choose(hashes)}
        return _download(repository, str(info.sha), wanted, retry_policy)


def _download(
    repository: Repository, commit: str, hashes: Mapping[str, str | None], retry_policy: RetryPolicy
) -> Snapshot:
    """Download the files, and again those whose content is not the announced one."""
    patterns = [glob.escape(name) for name in hashes]
    wrong: list[str] = []
    for _ in range(retry_policy.attempts):
        folder = snapshot_download(repository.name, revision=commit, allow_patterns=patterns)
        snapshot = Snapshot(Path(folder), commit)
        wrong = list(_find_wrong_files(snapshot.folder, hashes))
        if not wrong:
            return snapshot
        _LOG.warning("%s: fetched again, content not as announced: %s", repository.title, wrong)
        for name in wrong:
            # The files behind the link too: otherwise the cache would give the same content again.
            for link in _follow_links(snapshot.folder / name):
                link.unlink(missing_ok=True)
    raise UserError(
        f"{repository.title}: {wrong[0]} does not have the content that the Hub announces, "
        f"fetched {retry_policy.attempts} times: run again later, and if it stays so ask the "
        "model's makers."
    )


def _find_in_cache(repository: Repository, choose: FileFilter) -> Snapshot:
    """Return an earlier download from the Hub's cache.

    Raises:
        LocalEntryNotFoundError: a file is missing there.
        UserError: a file is damaged.
    """
    folder = Path(
        snapshot_download(
            repository.name,
            revision=repository.revision,
            local_files_only=True,
            allow_patterns="config.json",
        )
    )
    names = choose(_list_files(repository.name, folder))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise LocalEntryNotFoundError(f"{missing[0]} is not in the cache")
    # In the cache a file is a link to a file that is named by its hash.
    links = {name: _follow_links(folder / name) for name in names}
    hashes = {name: chain[1].name for name, chain in links.items() if len(chain) > 1}
    for name in _find_wrong_files(folder, hashes):
        raise UserError(
            f"{repository.title}: {name} in the Hub's cache is damaged: delete "
            f"{links[name][-1]} and run again with a network."
        )
    return Snapshot(folder, folder.name)


def _follow_links(path: Path) -> list[Path]:
    """Return a path, the target of that link, the target of that one, and so on."""
    chain = [path]
    while chain[-1].is_symlink():
        link = chain[-1]
        chain.append(Path(os.path.normpath(link.parent / link.readlink())))
    return chain


def _list_files(name: str, folder: Path) -> list[str]:
    """Return a snapshot's files at its commit, or those in the folder if no list is cached."""
    try:
        return [file.path for file in get_cached_repo_tree(name, revision=folder.name)]
    except CachedRepoTreeNotFoundError:
        return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def _read_hash(file: Any) -> str | None:  # noqa: ANN401 - the Hub's RepoSibling
    """Return the hash of a file's content: SHA-256 of a large file, git's SHA-1 of a small one."""
    if file.lfs is not None:
        return str(file.lfs.sha256)
    return None if file.blob_id is None else str(file.blob_id)


def _find_wrong_files(folder: Path, hashes: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the files whose content has another hash."""
    for name, announced in hashes.items():
        if announced is not None and not _has_hash(folder / name, announced):
            yield name


def _has_hash(path: Path, announced: str) -> bool:
    """Say whether a file has a hash; True if `announced` is in no format of a hash."""
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
