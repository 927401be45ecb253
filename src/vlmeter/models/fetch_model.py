"""A model's weights, cast once per number format and kept as safetensors.

A cell then maps one file instead of casting for itself.
"""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from huggingface_hub import metadata_load
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from vlmeter.errors import UserError
from vlmeter.hub.cards import licence_in
from vlmeter.hub.retry import USUAL, Patience
from vlmeter.machine.dtypes import DTYPES
from vlmeter.models.random_weights import store_architecture
from vlmeter.models.support import check_model_type, config_of, runs_own_code
from vlmeter.models.weight_files import check_index, files_to_take, has_safetensors
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import file_sha256, file_xxh3, read_json, replacing_folder, write_json

_LOG = logging.getLogger(__name__)
_UNLOADABLE = (OSError, ValueError, ImportError, RuntimeError, SafetensorError, UnpicklingError)


def fetch_model(params: Mapping[str, Any], manifest: str, patience: Patience = USUAL) -> None:
    """Store a model in the wanted number format, beside `manifest`.

    Args:
        params: What `Study.model_params` tells: model, dtype, source, weights.
        manifest: Path of the manifest to write; the folder has its name without `.json`.
        patience: How long the Hub is waited for.

    A model of a type that is not supported leaves a manifest that says so, in words for its cells.

    Raises:
        UserError: the model cannot be found or loaded.
    """
    source = params["source"]
    pin = Path(manifest).with_suffix(".revision.json")
    try:
        folder, revision = _local(source) if source.get("path") else _on_hub(source, pin, patience)
        _check(source, folder)
    except UnsupportedError as error:
        _LOG.warning("%s", error)
        write_json(Path(manifest), {**_heading(params), "unsupported": str(error), "files": {}})
        return
    target = Path(manifest).with_suffix("")
    with replacing_folder(target) as aside:
        if params["weights"] == "random":
            parameters = store_architecture(folder, aside)
        else:
            parameters = _store(source, folder, DTYPES[params["dtype"]], aside)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    write_json(
        Path(manifest),
        {
            **_heading(params),
            "revision": revision,
            "licence": _licence(folder),
            "parameters": parameters,
            "files": {
                str(path.relative_to(target)): {
                    "bytes": path.stat().st_size,
                    "sha256": file_sha256(path),
                    "xxh3_128": file_xxh3(path),
                }
                for path in files
            },
        },
    )


def _heading(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of any model, also of one that is not supported."""
    return {
        "model": params["model"],
        "dtype": params["dtype"],
        "source": dict(params["source"]),
        "weights": params["weights"],
        "revision": None,
        "licence": None,
        "content": params.get("content"),
        "parameters": None,
    }


def _check(source: Mapping[str, Any], folder: Path) -> None:
    name = source.get("hub") or source["path"]
    check_index(name, folder)
    own_code = runs_own_code(name, folder, source["allow"])
    check_model_type(name, config_of(name, folder).get("model_type"), own_code=own_code)


def _local(source: Mapping[str, Any]) -> tuple[Path, None]:
    folder = Path(source["path"])
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} has no config.json: check models.*.source.path.")
    files_to_take(source["path"], [path.name for path in folder.iterdir()], source["allow"])
    return folder, None


def _on_hub(source: Mapping[str, Any], pin: Path, patience: Patience) -> tuple[Path, str]:
    """Return the folder of a model's files in the Hub's cache, and their commit."""
    from vlmeter.models.hub_files import fetch_snapshot  # noqa: PLC0415 - a local model needs no Hub

    name, revision = source["hub"], source.get("revision")
    if revision is None and pin.exists() and read_json(pin).get("hub") == name:
        revision = str(read_json(pin)["revision"])

    def choose(files: Iterable[str]) -> list[str]:
        return files_to_take(name, files, source["allow"])

    def accept(model_type: str | None) -> None:
        check_model_type(name, model_type, own_code="remote_code" in source["allow"])

    snapshot = fetch_snapshot(name, revision, choose, patience, accept)
    if source.get("revision") is None:
        _LOG.warning(
            "%s names no revision: resolved to %s, used from now on", name, snapshot.commit
        )
        write_json(pin, {"hub": name, "revision": snapshot.commit})
    return snapshot.folder, snapshot.commit


def _licence(folder: Path) -> str | None:
    """Return the licence that the model's card names."""
    card = folder / "README.md"
    return licence_in(metadata_load(card) or {}) if card.is_file() else None


def _store(source: Mapping[str, Any], folder: Path, dtype: torch.dtype, target: Path) -> int:
    """Cast and write; return the number of parameters."""
    name = source.get("hub") or source["path"]
    own_code = runs_own_code(name, folder, source["allow"])
    try:
        config: Any = AutoConfig.from_pretrained(
            folder, trust_remote_code=own_code, local_files_only=True
        )
        # It may name kernels of a repository on the Hub, which would be fetched and run.
        config._attn_implementation = "eager"
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype,
            config=config,
            # Pickles that are allowed are opened as weights only.
            use_safetensors=has_safetensors(folder) or "pickle" not in source["allow"],
            trust_remote_code=own_code,
            local_files_only=True,
            output_loading_info=True,
        )
        # Said because it is stored with the tokenizer: the same with and without a network.
        processor = AutoProcessor.from_pretrained(
            folder, trust_remote_code=own_code, local_files_only=True
        )
    except _UNLOADABLE as error:
        raise UserError(f"{name} cannot be loaded as a vision-language model: {error}") from error
    model, told = loaded
    missing = sorted(told["missing_keys"])
    if missing:
        raise UserError(
            f"{name} lacks {len(missing)} of the model's weights, {missing[0]} for instance: "
            "they would be random. Give a checkpoint that fits its config.json."
        )
    model.save_pretrained(target)
    processor.save_pretrained(target)
    return sum(parameter.numel() for parameter in model.parameters())
