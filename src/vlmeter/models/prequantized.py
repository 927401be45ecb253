"""Checkpoints that come quantised: in what form, and whether they can be loaded here."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from transformers.quantizers.auto import AutoHfQuantizer

from vlmeter.errors import Sentence, one_line
from vlmeter.models.doors import find_door, load_config
from vlmeter.models.families import Family
from vlmeter.models.optimization import Optimization
from vlmeter.models.packages import (
    QUANTIZERS,
    describe_missing,
    explain_lack,
    list_missing,
)
from vlmeter.models.quantization import (
    OTHER,
    is_quantized,
    measure_bytes_by_stage,
    name_weight_classes,
)
from vlmeter.models.result import Quantization, StageWeights
from vlmeter.status import UnsupportedError


@dataclass(frozen=True)
class StoredQuantization:
    """What a checkpoint's config says of its weights."""

    method: str
    """By transformers' name, such as `bitsandbytes`."""
    form: str
    """In words: the method with its bits, where the config names them."""
    settings: Mapping[str, Any]
    """The block of the config as it is."""


def find_stored_quantization(config: Mapping[str, Any]) -> StoredQuantization | None:
    """Return how the weights of a checkpoint are stored; None where they are plain.

    Args:
        config: The content of its config.json.
    """
    text = config.get("text_config")
    places = (config, text if isinstance(text, Mapping) else {})
    blocks = (place.get("quantization_config") for place in places)
    settings = next((block for block in blocks if isinstance(block, Mapping)), None)
    if settings is None:
        return None
    method = str(settings.get("quant_method", "unnamed"))
    return StoredQuantization(method, ", ".join(_list_form(method, settings)), settings)


def _list_form(method: str, settings: Mapping[str, Any]) -> Iterator[str]:
    yield method
    if settings.get("load_in_4bit") and "bnb_4bit_quant_type" in settings:
        yield str(settings["bnb_4bit_quant_type"])
    bits = _find_bits(settings)
    if bits is not None:
        yield f"{bits} bits"
    # torchao names its own config instead.
    kinds = settings.get("quant_type")
    default = kinds.get("default") if isinstance(kinds, Mapping) else None
    if isinstance(default, Mapping) and "_type" in default:
        yield str(default["_type"])


def _find_bits(settings: Mapping[str, Any]) -> int | None:
    """Return the bits of a weight, by the key under which each method names them."""
    for key, bits in (("load_in_4bit", 4), ("load_in_8bit", 8)):
        if settings.get(key):
            return bits
    groups = settings.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    for block, key in ((settings, "bits"), (settings, "w_bit"), (weights, "num_bits")):
        value = block.get(key) if isinstance(block, Mapping) else None
        if isinstance(value, int):
            return value
    return None


def check_loadable(name: str, stored: StoredQuantization | None) -> None:
    """See that the packages that a quantised checkpoint needs are here, before it is read.

    Args:
        name: Of the model, for the sentence.
        stored: How its weights are stored; None where they are plain.

    Raises:
        UnsupportedError: a package is missing, or transformers cannot load it here, in its words.
    """
    if stored is None:
        return
    missing = list_missing(QUANTIZERS.get(stored.method, ()))
    if missing:
        raise UnsupportedError(
            f"model {name} comes quantised ({stored.form}): {describe_missing(missing)}"
        )
    try:
        quantizer = AutoHfQuantizer.from_config(dict(stored.settings), pre_quantized=True)
        quantizer.validate_environment(device_map=None)
    except (ImportError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise UnsupportedError(
            f"model {name} comes quantised ({stored.form}): "
            f"{explain_lack(error) or one_line(error)}"
        ) from error


def check_not_twice(stored: StoredQuantization | None, optimization: Optimization) -> None:
    """Refuse to quantise what comes quantised.

    Raises:
        UnsupportedError: both are so.
    """
    if stored is not None and optimization.quantization is not None:
        raise UnsupportedError(
            f"{optimization.name}: the model comes quantised ({stored.form}): take an "
            "optimisation without quantization"
        )


def store_as_it_is(
    folder: Path, files: Iterable[str], target: Path, *, own_code: bool = False
) -> int:
    """Copy a quantised checkpoint, which no cast may touch; return its number of parameters.

    Args:
        folder: The checkpoint.
        files: Paths below it.
        target: The folder to write.
        own_code: Whether code that lies there may run.
    """
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)
    # Packed weights have fewer elements than they stand for: the plain architecture is counted.
    with torch.device("meta"):
        config = load_config(folder, own_code=own_code)
        model = find_door(config).from_config(config, trust_remote_code=own_code)
    model.tie_weights()
    return sum(parameter.numel() for parameter in model.parameters())


def describe_stored(model: Any, family: Family, stored: StoredQuantization) -> Quantization:  # noqa: ANN401
    """Return what a loaded checkpoint brought along, by stage."""
    done = [name for name, module in model.named_modules() if is_quantized(module)]
    layers = [family.stage_of(name) or OTHER for name in done]
    return Quantization(
        library=_name_library(stored.method),
        weights=name_weight_classes(model, done),
        stages={
            stage: StageWeights(
                kind=stored.form if stage in layers else None,
                layers=layers.count(stage),
                layers_left=[],
                bytes_before=None,
                bytes_after=size,
            )
            for stage, size in measure_bytes_by_stage(model, family).items()
        },
        came_quantized=stored.form,
    )


def _name_library(method: str) -> str:
    package = QUANTIZERS.get(method, (method,))[-1]
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return Sentence(f"transformers {version('transformers')}")
