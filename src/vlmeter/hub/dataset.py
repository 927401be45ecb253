"""A data set's files on the Hub, as its card lays them out in configurations and splits."""

import logging
import re
from collections.abc import Mapping
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

from vlmeter.data.rowgroups import Files
from vlmeter.errors import UserError
from vlmeter.hub.cards import licence_in
from vlmeter.hub.client import connect
from vlmeter.hub.patience import Patience
from vlmeter.hub.refusals import Asked, in_one_sentence, in_words

_LOG = logging.getLogger(__name__)


def find_split(source: Mapping[str, Any], revision: str | None, patience: Patience) -> Files:
    """Find the files of a split.

    Args:
        source: `{hub, config, split}`.
        revision: A commit, branch or tag; None for the newest.
        patience: How long the Hub is waited for.

    Raises:
        UserError: there is no such data set, revision, configuration or split, or no way to it.
    """
    asked = Asked(source["hub"], revision, is_dataset=True)
    connect(patience)
    with in_one_sentence(asked):
        try:
            info = HfApi().dataset_info(asked.name, revision=revision)
        except OfflineModeIsEnabled as error:
            _LOG.warning("%s: %s; the Hub's cache is looked into", asked.words, error)
            return _cached(asked, source)
        commit = str(info.sha)
        # Asked for before `datasets` asks: it hides what the Hub answers.
        with suppress(RemoteEntryNotFoundError):
            hf_hub_download(asked.name, "README.md", repo_type="dataset", revision=commit)
        builder = _builder(asked, asked.name, source.get("config"), commit)
        paths = _split_paths(asked, builder, source["split"])
        card: Any = info.card_data
    # Not a shared one: it remembers the listings of other data sets of this process too.
    filesystem = HfFileSystem(skip_instance_cache=True)
    licence = licence_in(card or {})
    return Files(
        filesystem, paths, commit, builder.info.features, licence, partial(in_words, asked=asked)
    )


def _cached(asked: Asked, source: Mapping[str, Any]) -> Files:
    """Take what `hf download` left in the Hub's cache, if the split is whole there."""
    folder = _cached_folder(asked, ["README.md"])
    builder = _builder(asked, str(folder), source.get("config"), None)
    paths = _split_paths(asked, builder, source["split"])
    names = [str(Path(path).relative_to(folder)) for path in paths]
    # The same names with any number: a part that is missing would make another, smaller split.
    _cached_folder(asked, [re.sub(r"\d+", "*", name) for name in names])
    card = metadata_load(folder / "README.md") if (folder / "README.md").is_file() else None
    licence = licence_in(card or {})
    disk, features = fsspec.filesystem("file"), builder.info.features
    told = partial(in_words, asked=asked)
    return Files(disk, paths, folder.name, features, licence, told)


def _cached_folder(asked: Asked, patterns: list[str]) -> Path:
    folder = snapshot_download(
        asked.name,
        repo_type="dataset",
        revision=asked.revision,
        local_files_only=True,
        allow_patterns=patterns,
    )
    return Path(folder)


def _builder(asked: Asked, place: str, config: str | None, commit: str | None) -> Any:  # noqa: ANN401
    try:
        return load_dataset_builder(place, config, revision=commit)
    except ValueError as error:
        names = get_dataset_config_names(place, revision=commit)
        if config in names or (config is None and len(names) < 2):
            raise
        what = f'it has no configuration "{config}"' if config else "it has several configurations"
        raise UserError(
            f"{asked.words}: {what}; name one in {asked.key}.config: {', '.join(names)}."
        ) from error


def _split_paths(asked: Asked, builder: Any, split: str) -> tuple[str, ...]:  # noqa: ANN401
    files = builder.config.data_files or {}
    if split not in files:
        raise UserError(
            f'{asked.words}: it has no split "{split}"; it has: {", ".join(files)}. '
            f"Correct {asked.key}.split."
        )
    paths = tuple(str(path).removeprefix("hf://") for path in files[split])
    other = next((path for path in paths if not path.endswith(".parquet")), None)
    if other is not None:
        raise UserError(
            f"{asked.words}: its split is no parquet ({Path(other).name}), of which parts could be "
            f"read: try {asked.key}.revision: refs/convert/parquet, where the Hub keeps a copy "
            "of most data sets as parquet."
        )
    return paths
