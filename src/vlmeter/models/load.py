"""A stored model, ready to be fed on its device."""

import inspect
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from vlmeter.errors import UserError, one_line
from vlmeter.machine.dtypes import DTYPES
from vlmeter.machine.torch_device import check_device, list_capabilities
from vlmeter.models.bitsandbytes_layers import keep_what_cannot_be_packed
from vlmeter.models.config_file import read_config
from vlmeter.models.decoding import Settings
from vlmeter.models.doors import find_door, load_config
from vlmeter.models.families import Family, find_family, is_encoder_decoder
from vlmeter.models.generation_config import replace_generation_config
from vlmeter.models.kernels import limit_sdpa
from vlmeter.models.manifest import ModelManifest
from vlmeter.models.optimization import EAGER, Optimization, check_quantization
from vlmeter.models.prequantized import (
    StoredQuantization,
    check_not_twice,
    describe_stored,
    find_stored_quantization,
)
from vlmeter.models.processors import load_processor
from vlmeter.models.quantization import OTHER, is_quantized, quantize
from vlmeter.models.random_weights import build_random_model
from vlmeter.models.result import Quantization
from vlmeter.status import Status, UnsupportedError, describe_failure
from vlmeter.storage.files import damaged, file_xxh3


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its processor."""

    model: Any
    processor: Any
    family: Family
    optimization: Optimization
    device: torch.device
    pad_token_id: int
    eos_token_ids: tuple[int, ...]
    """The tokens that end an answer; empty where the model has none."""
    decoder_start_token_id: int | None = None
    """The token that the decoder of an encoder-decoder begins with."""
    answers_mean_something: bool = True
    """False where the weights are random."""
    own_generation: Settings = field(default_factory=dict)
    """What the model's own generation config sets; no answer follows it unless a study asks."""
    quantized: Quantization | None = None
    """What was quantised here."""
    stored: StoredQuantization | None = None
    """In what form a checkpoint came that was quantised before."""

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Run passes without gradients, with no other kernels than are asked for, in the block."""
        with torch.inference_mode(), limit_sdpa(self.optimization):
            yield

    @property
    def quantization(self) -> Quantization | None:
        """What of the weights is quantised; None where all came plain and stay so.

        Of a checkpoint that came quantised, what is so now: some packages unpack weights, or pack
        them anew, at the first pass.
        """
        if self.stored is None:
            return self.quantized
        return describe_stored(self.model, self.family, self.stored)

    @property
    def generator(self) -> Any:  # noqa: ANN401
        """The module that decodes, whose settings `generate` goes by."""
        return self.model.get_submodule(self.family.generator)

    @property
    def interpolates_positions(self) -> bool:
        """Whether the forward takes larger images by interpolated position encodings."""
        return "interpolate_pos_encoding" in inspect.signature(self.model.forward).parameters

    @property
    def tokenizer(self) -> Any:  # noqa: ANN401 - any transformers tokenizer
        """The processor's tokenizer."""
        return self.processor.tokenizer

    @cached_property
    def dtype(self) -> torch.dtype:
        """The number format that inputs are cast to: that of most weights.

        A model's own `dtype` is that of its first parameter, which BLIP-2 keeps in fp32 when the
        rest is fp16.
        """
        sizes: Counter[torch.dtype] = Counter()
        for parameter in self.model.parameters():
            # fp8 is what weights are stored in, no format of inputs.
            if parameter.dtype in DTYPES.values():
                sizes[parameter.dtype] += parameter.numel()
        return sizes.most_common(1)[0][0]


def check_files(folder: Path, manifest: ModelManifest) -> None:
    """Compare the stored files with the manifest, before half a model is loaded.

    Raises:
        UserError: a file is missing, has another size or another content.
    """
    remake = folder.with_name(f"{folder.name}.json")
    for name, stored in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != stored.bytes:
            raise UserError(f"{path} is missing or cut short: delete {remake} and run again.")
        if file_xxh3(path) != stored.xxh3_128:
            raise damaged(path, remake)


def load_model(
    folder: Path,
    device: str,
    dtype: str,
    optimization: Optimization = EAGER,
    *,
    random: bool,
    seed: int,
    gpus: int = 1,
) -> LoadedModel:
    """Load a model that `fetch_model` stored, to be executed as the cell asks.

    Args:
        folder: With the weights, or with an architecture that has none.
        device: `cpu` or `cuda`.
        dtype: The number format: `fp32`, `fp16` or `bf16`.
        optimization: The attention that is asked for, and the quantisation.
        random: Whether the weights are made here instead of read.
        seed: Of random weights.
        gpus: How many GPUs it is spread over, layer by layer, where it is more than one.

    Raises:
        UnavailableError: the device is not there.
        UnsupportedError: transformers or torchao refuses the optimisation for this model, or it
            would give wrong figures in this number format.
    """
    check_device(device)
    check_quantization(optimization.quantization, dtype, device, list_capabilities(device))
    torch_dtype = DTYPES[dtype]
    # Random weights are plain, whatever the config says of those that it came with.
    stored = None if random else find_stored_quantization(read_config(folder.name, folder))
    check_not_twice(stored, optimization)
    # `fetch_model` stores a model's own code only where the config allows it.
    own_code = any(folder.glob("*.py"))
    config = load_config(folder, own_code=own_code)
    attention = optimization.attention_for(config)
    try:
        if random:
            model = build_random_model(folder, torch_dtype, device, attention, seed)
        else:
            # By name: "auto" goes by the first parameter, which may be kept in fp32.
            model = find_door(config).from_pretrained(
                folder,
                config=config,
                dtype=torch_dtype,
                attn_implementation=attention,
                use_safetensors=True,
                trust_remote_code=own_code,
                # What is packed for a device is loaded there, and moved no more.
                device_map="balanced" if gpus > 1 else {"": device} if stored else None,
            )
    except (ValueError, ImportError, RuntimeError) as error:
        if describe_failure(error).status == Status.OUT_OF_MEMORY:
            raise
        if stored is not None:
            raise UnsupportedError(
                f"the model comes quantised ({stored.form}): {one_line(error)}"
            ) from error
        if attention == "eager" or isinstance(error, RuntimeError):
            raise
        # What follows the first sentence is advice with addresses that hold local paths.
        refusal = one_line(error).split(". ", maxsplit=1)[0]
        raise UnsupportedError(f"{optimization.name}: {refusal}") from error
    if gpus <= 1 and stored is None:
        model = model.to(device)
    model = model.eval().requires_grad_(False)
    family = find_family(model.config)
    keep_what_cannot_be_packed(model)
    quantized = None
    if optimization.quantization is not None:
        quantized = quantize(model, family, optimization.quantization, device)
    processor = load_processor(folder, own_code=own_code)
    # A decoder's answers begin at the same place in every row; an encoder's prompt keeps its
    # absolute positions.
    side = "right" if is_encoder_decoder(model.config) else "left"
    processor.tokenizer.padding_side = side
    family.prepare_model(model)
    generator = model.get_submodule(family.generator)
    generation = generator.generation_config
    own_generation = replace_generation_config(model, generator)
    ends = generation.eos_token_id
    ends = () if ends is None else tuple(ends) if isinstance(ends, list) else (int(ends),)
    return LoadedModel(
        model=model,
        processor=processor,
        family=family,
        optimization=optimization,
        device=torch.device(device),
        pad_token_id=_find_pad_token_id(processor.tokenizer, generation, ends),
        eos_token_ids=ends,
        decoder_start_token_id=_find_decoder_start(model, generation),
        answers_mean_something=not random,
        own_generation=own_generation,
        quantized=quantized,
        stored=stored,
    )


def _find_decoder_start(model: Any, generation: Any) -> int | None:  # noqa: ANN401
    if not is_encoder_decoder(model.config):
        return None
    text = getattr(model.config, "text_config", None)
    for config in (generation, model.config, text):
        value = getattr(config, "decoder_start_token_id", None)
        if value is not None:
            return int(value)
    raise ValueError("the model names no decoder_start_token_id: its answers have no beginning")


def _find_pad_token_id(tokenizer: Any, generation: Any, ends: tuple[int, ...]) -> int:  # noqa: ANN401
    for value in (tokenizer.pad_token_id, generation.pad_token_id, *ends):
        if value is not None:
            return int(value)
    return 0


def find_attention_in_use(model: Any, family: Family) -> dict[str, str]:  # noqa: ANN401
    """Return the attention implementation that each stage's modules really run with."""
    kinds_by_stage: dict[str, set[str]] = {}
    for name, module in model.named_modules():
        stage = family.stage_of(name)
        kind = getattr(getattr(module, "config", None), "_attn_implementation", None)
        if stage is not None and kind is not None and "attention" in type(module).__name__.lower():
            kinds_by_stage.setdefault(stage, set()).add(str(kind))
    return {stage: ", ".join(sorted(kinds)) for stage, kinds in kinds_by_stage.items()}


def find_dtypes_in_use(
    model: Any,  # noqa: ANN401
    family: Family,
    quantization: Quantization | None = None,
) -> dict[str, str]:
    """Return the number formats of each stage's parameters."""
    formats_by_stage: dict[str, set[str]] = {}
    packed: set[int] = set()
    for name, module in model.named_modules():
        if quantization is not None and is_quantized(module):
            stage = family.stage_of(name) or OTHER
            formats_by_stage.setdefault(stage, set()).add(str(quantization.stages[stage].kind))
            packed.add(id(getattr(module, "weight", None)))
    for name, parameter in model.named_parameters():
        # Other integers, such as shapes, are kept beside weights.
        if parameter.is_floating_point() and id(parameter) not in packed:
            used = str(parameter.dtype).removeprefix("torch.")
            formats_by_stage.setdefault(family.stage_of(name) or OTHER, set()).add(used)
    return {stage: ", ".join(sorted(formats)) for stage, formats in formats_by_stage.items()}
