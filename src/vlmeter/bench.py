"""A model on its device with the samples it is fed: where measuring begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vlmeter.data.samples import Pictured, Text
from vlmeter.failures import UnsupportedError
from vlmeter.files import check_whole, read_json
from vlmeter.measure.clock import Call
from vlmeter.models.answer import cache_in_use, generate, image_changes_logits
from vlmeter.models.batches import Feeder, Inputs, digests
from vlmeter.models.families.base import uses_chat_template
from vlmeter.models.family_prompts import family_prompts
from vlmeter.models.items import Items
from vlmeter.models.kernels import DECODE, check_attention, kernels_by_stage
from vlmeter.models.load import LoadedModel, check_device, check_files, load_model
from vlmeter.models.optimizations import Optimization


@dataclass(frozen=True)
class Bench:
    """One cell, set up."""

    loaded: LoadedModel
    feeder: Feeder
    items: Items
    cost_batches: Sequence[Inputs]
    """Distinct full batches of one shape: the workload whose cost is measured."""
    images: Mapping[str, Any]
    """The manifest of the images."""
    decoding: Mapping[str, Any]
    """How answers are decoded."""

    def forwards(self) -> list[Call]:
        """Return one forward pass per cost batch."""
        return [_Forward(self.loaded.model, inputs) for inputs in self.cost_batches]

    def generation(self, new_tokens: int) -> object:
        """Generate exactly as many tokens for the first cost batch."""
        with torch.inference_mode():
            return generate(self.loaded, self.cost_batches[0], self.decoding, new_tokens)

    @property
    def sequence_length(self) -> int:
        """Positions of a row of the cost batches, image positions included."""
        first, loaded = self.cost_batches[0], self.loaded
        outside = loaded.family.image_positions_outside_text(loaded.model.config, first)
        return int(first["input_ids"].shape[1]) + outside

    def described(self) -> dict[str, Any]:
        """Return the `input` block: what the figures are of."""
        first = self.cost_batches[0]
        batch = len(first["input_ids"])
        shape_digest, content_digest = digests(self.cost_batches)
        return {
            "samples": len(self.items),
            "prompt_templates": dict(self.items.templates),
            "truncated_samples": self.items.truncated,
            "bad_samples": list(self.images["bad_samples"]),
            "batch_samples": batch,
            "distinct_batches": len(self.cost_batches),
            "repeated": len(self.items) < batch,
            "text_tokens": self.items.text_tokens,
            "image_tokens": self.feeder.image_tokens(first),
            "sequence_length": self.sequence_length,
            "pixel_shape": list(first["pixel_values"].shape[1:]),
            "shape_digest": shape_digest,
            "content_digest": content_digest,
        }

    def check_image_is_seen(self) -> dict[str, bool]:
        """Return the `checks` block.

        Raises:
            ValueError: image tokens are missing, or the image does not reach the answer.
        """
        for inputs in self.cost_batches:
            self.feeder.image_tokens(inputs)
        first = next(self.items.read(0, 1))
        if not image_changes_logits(self.loaded, self.feeder, first):
            raise ValueError("another image gives the same logits: the model does not see it")
        return {"image_tokens_present": True, "image_changes_logits": True}

    def check_forward(self) -> dict[str, Any]:
        """Return what a forward pass really ran with, in one pass apart from the timed ones.

        Raises:
            UnsupportedError: what was asked for had no effect.
        """
        loaded = self.loaded
        kernels = kernels_by_stage(loaded.model, loaded.family, self.forwards()[0])
        strayed = list(check_attention(loaded.optimization, kernels))
        left = (loaded.quantization or {}).get("layers_left")
        if left:
            strayed.append(f"{len(left)} linear layers kept their weights, {left[0]} among them")
        return {"kernels": kernels, "not_as_asked": strayed}

    def check_generation(self) -> dict[str, Any]:
        """Return what the model decodes with, told by a generation apart from the timed ones.

        Raises:
            UnsupportedError: what was asked for had no effect.
        """
        cache: list[str] = []

        def run() -> None:
            cache.append(cache_in_use(self.loaded, self.cost_batches[0], self.decoding))

        kernels = kernels_by_stage(self.loaded.model, self.loaded.family, run)
        return {
            "quantization": self.loaded.quantization,
            "cache": cache[0],
            "decode_kernels": kernels.get(DECODE, []),
        }


@dataclass(frozen=True)
class _Forward:
    """A forward pass of one batch, as a call without arguments."""

    model: Any
    inputs: Inputs

    def __call__(self) -> object:
        with torch.inference_mode():
            # A cache, which nothing reads here, would make each layer a program of its own to
            # torch.compile: after eight of them it gives up, and the rest runs uncompiled.
            return self.model(**self.inputs, use_cache=False)


@dataclass(frozen=True)
class Opened:
    """A cell's model on its device, and where its samples lie."""

    loaded: LoadedModel
    feeder: Feeder
    stored: Pictured
    template_of: Callable[[Text], str]
    images: Mapping[str, Any]
    """The manifest of the images."""

    def items(self, start: int = 0, stop: int | None = None) -> Items:
        """Return a run of the samples, with their prompts."""
        return Items(self.stored, self.feeder, self.template_of, start, stop)


def set_up(job: Mapping[str, Any], inputs: Mapping[str, str]) -> Bench:
    """Load a cell's model and samples.

    Raises:
        UnavailableError: torch cannot use the device.
        UnsupportedError: the software refuses the setting.
    """
    cell = job["cell"]
    opened = open_cell(job, inputs)
    items, size, most = opened.items(), cell["axes"]["batch_size"], cell["measure"]["batches"]
    with torch.inference_mode():
        batches = opened.feeder.workload(
            list(items.read(0, size * most)), items.longest(), size, most
        )
    return Bench(opened.loaded, opened.feeder, items, batches, opened.images, cell["decoding"])


def open_cell(job: Mapping[str, Any], inputs: Mapping[str, str]) -> Opened:
    """Load a cell's model, having seen that all files are what was written.

    Raises:
        UnavailableError: torch cannot use the device.
        UnsupportedError: the software refuses the setting.
    """
    cell = job["cell"]
    axes, measure = cell["axes"], cell["measure"]
    torch.manual_seed(measure["seed"])
    check_device(axes["device"])
    manifest = Path(inputs["model"])
    stored = read_json(manifest)
    if stored.get("unsupported"):
        raise UnsupportedError(stored["unsupported"])
    check_files(manifest.with_suffix(""), stored)
    loaded = load_model(
        manifest.with_suffix(""),
        axes,
        Optimization.of(cell),
        random=stored["weights"] == "random",
        seed=measure["seed"],
        gpus=cell["gpus"],
    )
    images = Path(inputs["images"])
    pictured = Pictured(images.parent.parent / "samples.parquet", images.with_suffix(".parquet"))
    told = read_json(images)
    samples = pictured.samples
    check_whole(samples, told["samples_sha256"], remake=samples.with_suffix(".json"))
    check_whole(pictured.images, told["sha256"], remake=images)
    return Opened(loaded, Feeder(loaded, axes), pictured, _template_of(cell, loaded), told)


def _template_of(cell: Mapping[str, Any], loaded: LoadedModel) -> Callable[[Text], str]:
    """Return what chooses a sample's template: the cell's, or the model family's for the task."""
    if cell["template"] is not None:
        return lambda _: str(cell["template"])
    prompts = family_prompts(loaded.model.config, chat=uses_chat_template(loaded.processor))
    return lambda text: prompts.template(cell["task"], text)
