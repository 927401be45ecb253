"""Checks that a model can be used, and stores its weights in one number format."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError

from vlmeter.errors import UserError, one_line, shorten
from vlmeter.machine.dtypes import DTYPES
from vlmeter.models.config_file import read_config
from vlmeter.models.doors import find_door, load_config
from vlmeter.models.job import ModelJob, ModelSource
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
from vlmeter.storage.files import replacing_folder

_UNLOADABLE = (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError)


def store_model(job: ModelJob, folder: Path, target: Path) -> int:
    """Store a model in the wanted number format; return its number of parameters.

    Args:
        job: The model.
        folder: Its files, as its makers give them.
        target: The folder that is written.

    Raises:
        UnsupportedError: its type, its packages or its form cannot be used here.
        UserError: it cannot be loaded.
    """
    source = job.source
    _check_type(source, folder)
    packed = find_stored_quantization(read_config(source.name, folder))
    if job.weights != "random":
        check_loadable(source.name, packed)
    with explaining_lacks(source.name):
        return _store(job, folder, packed, target)


def _check_type(source: ModelSource, folder: Path) -> None:
    check_index(source.name, folder)
    own_code = runs_own_code(source.name, folder, source.allow)
    model_type = read_config(source.name, folder).get("model_type")
    check_model_type(source.name, model_type, own_code=own_code)


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
