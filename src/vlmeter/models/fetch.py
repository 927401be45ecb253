"""A model's weights, cast once per number format and kept as safetensors.

A cell then maps one file instead of casting for itself.
"""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForImageTextToText, AutoProcessor

from vlmeter.dtypes import DTYPES
from vlmeter.errors import UserError
from vlmeter.files import file_sha256, read_json, write_json
from vlmeter.models.random_weights import store_architecture

_LOG = logging.getLogger(__name__)


def fetch_model(params: Mapping[str, Any], manifest: str) -> None:
    """Store a model in the wanted number format, beside `manifest`.

    Args:
        params: What `Study.model_params` tells: model, dtype, source, weights.
        manifest: Path of the manifest to write; the folder has its name without `.json`.

    Raises:
        UserError: the model cannot be found or loaded.
    """
    source = params["source"]
    folder, revision = _located(source, Path(manifest).with_suffix(".revision.json"))
    target = Path(manifest).with_suffix("")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        if params["weights"] == "random":
            parameters = store_architecture(Path(folder), aside)
        else:
            parameters = _store(folder, DTYPES[params["dtype"]], aside)
        shutil.rmtree(target, ignore_errors=True)
        aside.chmod(0o755)
        aside.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    write_json(
        Path(manifest),
        {
            "model": params["model"],
            "dtype": params["dtype"],
            "source": dict(source),
            "weights": params["weights"],
            "revision": revision,
            "content": params.get("content"),
            "parameters": parameters,
            "files": {
                str(path.relative_to(target)): {
                    "bytes": path.stat().st_size,
                    "sha256": file_sha256(path),
                }
                for path in files
            },
        },
    )


def _located(source: Mapping[str, Any], pin: Path) -> tuple[str, str | None]:
    """Return the local folder of a model, and its commit if it came from the Hub."""
    if source.get("path") is not None:
        folder = Path(source["path"])
        if not (folder / "config.json").is_file():
            raise UserError(f"{folder} has no config.json: check models.*.source.path.")
        return str(folder), None
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - a local model needs no Hub

    name, revision = source["hub"], source.get("revision")
    if revision is None and pin.exists() and read_json(pin).get("hub") == name:
        revision = str(read_json(pin)["revision"])
    try:
        commit = HfApi().model_info(name, revision=revision).sha
        # Pickled weights can run code; safetensors cannot.
        kept = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.jinja"]
        folder = Path(snapshot_download(name, revision=commit, allow_patterns=kept))
    except Exception as error:
        raise UserError(f"model {name} cannot be fetched from the Hub: {error}") from error
    if source.get("revision") is None:
        _LOG.warning("%s names no revision: resolved to %s, used from now on", name, commit)
        write_json(pin, {"hub": name, "revision": commit})
    return str(folder), commit


def _store(folder: str, dtype: torch.dtype, target: Path) -> int:
    """Cast and write; return the number of parameters."""
    try:
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder} cannot be loaded as a vision-language model: {error}") from error
    model, told = loaded
    missing = sorted(told["missing_keys"])
    if missing:
        raise UserError(
            f"{folder} lacks {len(missing)} of the model's weights, {missing[0]} for instance: "
            "they would be random. Give a checkpoint that fits its config.json."
        )
    model.save_pretrained(target)
    processor.save_pretrained(target)
    return sum(parameter.numel() for parameter in model.parameters())
