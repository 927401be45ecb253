"""A model's weights, cast once per number format and kept as safetensors.

A cell then maps one file instead of casting for itself. torch is imported when the job may work:
while it waits for a measurement to end, seconds of imports would disturb that.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from huggingface_hub import metadata_load

from vlmeter.errors import UserError
from vlmeter.hub.cards import find_licence
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.manifest import ModelManifest, StoredFile, write_model_manifest
from vlmeter.models.weight_files import choose_files, list_files
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import file_sha256, file_xxh3, read_json, write_json

_LOG = logging.getLogger(__name__)


def prepare_model(
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
        from vlmeter.models.store_model import store_model  # noqa: PLC0415 - it imports torch

        parameters = store_model(job, folder, manifest.with_suffix(""))
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


def _describe_file(path: Path) -> StoredFile:
    return StoredFile(path.stat().st_size, file_sha256(path), file_xxh3(path))


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
        from vlmeter.models.support import check_model_type  # noqa: PLC0415 - it imports torch

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
