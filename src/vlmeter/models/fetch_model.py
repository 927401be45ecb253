"""A model's weights, cast once per number format and kept as safetensors.

A cell then maps one file instead of casting for itself.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from huggingface_hub import metadata_load
from safetensors import SafetensorError

from vlmeter.errors import UserError, one_line, shorten
from vlmeter.hub.cards import find_licence
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from vlmeter.machine.dtypes import DTYPES
from vlmeter.models.config_file import read_config
from vlmeter.models.doors import find_door, load_config
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.manifest import ModelManifest, StoredFile, write_model_manifest
from vlmeter.models.packages import explaining_lacks
from vlmeter.models.prequantized import (
    StoredQuantization,
    check_loadable,
    find_stored_quantization,
    store_as_it_is,
)
from vlmeter.models.processors import load_processor
from vlmeter.models.random_weights import store_architecture
from vlmeter.models.support import check_model_type, runs_own_code
from vlmeter.models.weight_files import check_index, choose_files, has_safetensors, list_files
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import file_sha256, file_xxh3, read_json, replacing_folder, write_json

_LOG = logging.getLogger(__name__)
_UNLOADABLE = (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError)


def fetch_model(
    job: ModelJob,
    manifest: Path,
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    key: str | None = None,
) -> None:
    """Store a model in the wanted number format, beside `manifest`.

    A model of a type that is not supported leaves a manifest that says so, in words for its cells.

    Args:
        job: The model.
        manifest: To write; the folder has its name without `.json`.
        retry_policy: Of requests to the Hub.
        key: Digest of what the job depends on.

    Raises:
        UserError: the model cannot be found or loaded.
    """
    source = job.source
    described = ModelManifest(job.model, job.dtype, source, job.weights, content=job.content)
    revision: str | None = None
    try:
        if source.path:
            folder = _find_local_folder(source)
        else:
            pin = manifest.with_suffix(".revision.json")
            folder, revision = _fetch_from_hub(source, pin, retry_policy)
        _check_type(source, folder)
        packed = find_stored_quantization(read_config(source.name, folder))
        if job.weights != "random":
            check_loadable(source.name, packed)
        with explaining_lacks(source.name):
            parameters = _store(job, folder, packed, manifest.with_suffix(""))
    except UnsupportedError as error:
        _LOG.warning("%s", error)
        write_model_manifest(manifest, replace(described, unsupported=str(error)), key)
        return
    target = manifest.with_suffix("")
    files = sorted(path for path in target.rglob("*") if path.is_file())
    stored = replace(
        described,
        revision=revision,
        licence=_read_licence(folder),
        parameters=parameters,
        files={str(path.relative_to(target)): _describe_file(path) for path in files},
    )
    write_model_manifest(manifest, stored, key)


def _store(job: ModelJob, folder: Path, packed: StoredQuantization | None, target: Path) -> int:
    """Store a model below `target`; return the number of parameters."""
    source = job.source
    with replacing_folder(target) as aside:
        if job.weights == "random":
            return store_architecture(folder, aside)
        if packed is not None:
            chosen = choose_files(source.name, list_files(folder), source.allow)
            own_code = runs_own_code(source.name, folder, source.allow)
            return store_as_it_is(folder, chosen, aside, own_code=own_code)
        return _store_weights(source, folder, DTYPES[job.dtype], aside)


def _describe_file(path: Path) -> StoredFile:
    return StoredFile(path.stat().st_size, file_sha256(path), file_xxh3(path))


def _check_type(source: ModelSource, folder: Path) -> None:
    check_index(source.name, folder)
    own_code = runs_own_code(source.name, folder, source.allow)
    model_type = read_config(source.name, folder).get("model_type")
    check_model_type(source.name, model_type, own_code=own_code)


def _find_local_folder(source: ModelSource) -> Path:
    folder = source.find_path()
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} has no config.json: check models.*.source.path.")
    choose_files(source.name, list_files(folder), source.allow)
    return folder


def _fetch_from_hub(source: ModelSource, pin: Path, retry_policy: RetryPolicy) -> tuple[Path, str]:
    """Return the folder of a model's files in the Hub's cache, and their commit."""
    from vlmeter.models.hub_files import fetch_snapshot  # noqa: PLC0415 - a local model needs no Hub

    name, revision = source.name, source.revision
    if revision is None and pin.exists() and read_json(pin).get("hub") == name:
        revision = str(read_json(pin)["revision"])

    def choose(files: Iterable[str]) -> list[str]:
        return choose_files(name, files, source.allow)

    def accept(model_type: str | None) -> None:
        check_model_type(name, model_type, own_code="remote_code" in source.allow)

    snapshot = fetch_snapshot(name, revision, choose, retry_policy, accept)
    if source.revision is None:
        _LOG.warning(
            "%s names no revision: resolved to %s, used from now on", name, snapshot.commit
        )
        write_json(pin, {"hub": name, "revision": snapshot.commit})
    return snapshot.folder, snapshot.commit


def _read_licence(folder: Path) -> str | None:
    """Return the licence that the model's card names."""
    card = folder / "README.md"
    return find_licence(metadata_load(card) or {}) if card.is_file() else None


def _store_weights(source: ModelSource, folder: Path, dtype: torch.dtype, target: Path) -> int:
    """Cast and write; return the number of parameters."""
    name = source.name
    own_code = runs_own_code(name, folder, source.allow)
    try:
        # First what is quick, and may lack a package.
        with explaining_lacks(name):
            processor = load_processor(folder, own_code=own_code)
        config = load_config(folder, own_code=own_code)
        # It may name kernels of a repository on the Hub, which would be fetched and run.
        config._attn_implementation = "eager"
        loaded: Any = find_door(config).from_pretrained(
            folder,
            dtype=dtype,
            config=config,
            # Pickles that are allowed are opened as weights only.
            use_safetensors=has_safetensors(folder) or "pickle" not in source.allow,
            trust_remote_code=own_code,
            local_files_only=True,
            output_loading_info=True,
        )
    except _UNLOADABLE as error:
        raise UserError(
            f"{name} cannot be loaded as a vision-language model: {one_line(error)}"
        ) from error
    model, loading_info = loaded
    missing = sorted(loading_info["missing_keys"])
    if missing:
        raise UserError(
            f"{name} lacks {len(missing)} of the model's weights, {shorten(missing[0])} for "
            "instance: they would be random. Give a checkpoint that fits its config.json."
        )
    model.save_pretrained(target)
    processor.save_pretrained(target)
    return sum(parameter.numel() for parameter in model.parameters())
