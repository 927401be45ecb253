"""A data set's files on the Hub, by the configurations and splits that its card names."""

import logging
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
from datasets import get_dataset_config_names, load_dataset_builder
from huggingface_hub import (
    HfApi,
    HfFileSystem,
    hf_hub_download,
    metadata_load,
    snapshot_download,
)
from huggingface_hub.errors import OfflineModeIsEnabled, RemoteEntryNotFoundError

from vlmeter.data.job import DataSource
from vlmeter.data.parquet_files import Files
from vlmeter.errors import UserError, list_names
from vlmeter.hub.cards import find_licence
from vlmeter.hub.client import install_client
from vlmeter.hub.errors import Repository, describe_error, explain_errors
from vlmeter.hub.retry import RetryPolicy
from vlmeter.storage.texts import find_name

_LOG = logging.getLogger(__name__)


def list_splits(source: DataSource, retry_policy: RetryPolicy) -> list[str]:
    """Return the names of a repository's splits, those of one configuration.

    Raises:
        UserError: the data set, revision or configuration does not exist or cannot be reached.
    """
    repository = Repository(str(source.hub), source.revision, is_dataset=True)
    install_client(retry_policy)
    with explain_errors(repository):
        # Requested here because `datasets`, which requests it too, hides the Hub's error.
        commit = HfApi().dataset_info(repository.name, revision=source.revision).sha
        builder = _load_builder(repository, repository.name, source.config, commit)
    return list(builder.config.data_files or {})


def find_split(source: DataSource, revision: str | None, retry_policy: RetryPolicy) -> Files:
    """Find the files of a split.

    Args:
        source: A repository on the Hub, with its configuration and split.
        revision: A commit, branch or tag; None for the newest.
        retry_policy: Of requests to the Hub.

    Raises:
        UserError: the data set, revision, configuration or split does not exist or cannot be
            reached.
    """
    repository = Repository(str(source.hub), revision, is_dataset=True)
    install_client(retry_policy)
    with explain_errors(repository):
        try:
            info = HfApi().dataset_info(repository.name, revision=revision)
        except OfflineModeIsEnabled as error:
            cached = _find_split_in_cache(repository, source)
            _LOG.warning("%s: %s; it is taken from the Hub's cache", repository.title, error)
            return cached
        commit = str(info.sha)
        # Requested here because `datasets`, which requests it too, hides the Hub's error.
        with suppress(RemoteEntryNotFoundError):
            hf_hub_download(repository.name, "README.md", repo_type="dataset", revision=commit)
        builder = _load_builder(repository, repository.name, source.config, commit)
        paths = _list_split_files(repository, builder, str(source.split))
        card: Any = info.card_data
    # A new instance: the shared one keeps the listings of this process's other data sets.
    filesystem = HfFileSystem(skip_instance_cache=True)
    licence = find_licence(card or {})
    describe = partial(describe_error, repository=repository)
    return Files(filesystem, paths, commit, builder.info.features, licence, describe)


def _find_split_in_cache(repository: Repository, source: DataSource) -> Files:
    """Find a split that `hf download` left in the Hub's cache; all its files must be there."""
    folder = _find_cached_folder(repository, ["README.md"])
    builder = _load_builder(repository, str(folder), source.config, None)
    paths = _list_split_files(repository, builder, str(source.split))
    names = [str(Path(path).relative_to(folder)) for path in paths]
    # The same names with any number: without one of its parts the split would be a smaller one.
    _find_cached_folder(repository, [re.sub(r"\d+", "*", name) for name in names])
    card = metadata_load(folder / "README.md") if (folder / "README.md").is_file() else None
    licence = find_licence(card or {})
    filesystem, features = fsspec.filesystem("file"), builder.info.features
    describe = partial(describe_error, repository=repository)
    return Files(filesystem, paths, folder.name, features, licence, describe)


def _find_cached_folder(repository: Repository, patterns: list[str]) -> Path:
    """Return a repository's folder in the Hub's cache.

    Raises:
        LocalEntryNotFoundError: the cache lacks the repository or a file of these patterns.
    """
    folder = snapshot_download(
        repository.name,
        repo_type="dataset",
        revision=repository.revision,
        local_files_only=True,
        allow_patterns=patterns,
    )
    return Path(folder)


def _load_builder(
    repository: Repository, location: str, config: str | None, commit: str | None
) -> Any:  # noqa: ANN401 - a class of `datasets` without types
    try:
        return load_dataset_builder(location, config, revision=commit)
    except ValueError as error:
        names = get_dataset_config_names(location, revision=commit)
        stored = find_name(config, names, repository.title) if config else None
        if stored not in (None, config):
            return _load_builder(repository, location, stored, commit)
        if config in names or (config is None and len(names) < 2):
            raise
        what = f'it has no configuration "{config}"' if config else "it has several configurations"
        raise UserError(
            f"{repository.title}: {what}; "
            f"name one in {repository.config_key}.config: {list_names(names)}."
        ) from error


def _list_split_files(
    repository: Repository,
    builder: Any,  # noqa: ANN401 - see `_load_builder`
    split: str,
) -> tuple[str, ...]:
    files = builder.config.data_files or {}
    # `datasets` names splits by a class of its own.
    stored = find_name(split, map(str, files), repository.title)
    if stored is None:
        raise UserError(
            f'{repository.title}: it has no split "{split}"; it has: {list_names([*files])}. '
            f"Correct {repository.config_key}.split."
        )
    paths = tuple(str(path).removeprefix("hf://") for path in files[stored])
    not_parquet = next((path for path in paths if not path.endswith(".parquet")), None)
    if not_parquet is not None:
        raise UserError(
            f"{repository.title}: its split is no parquet ({Path(not_parquet).name}), of which "
            f"parts could be read: try {repository.config_key}.revision: refs/convert/parquet, "
            "where the Hub keeps a copy of most data sets as parquet."
        )
    return paths
