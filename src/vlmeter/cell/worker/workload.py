"""A model on its device with the samples it is fed: where measuring begins."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch

from vlmeter.cell.job import CellInputs, CellSetup
from vlmeter.cell.measurement import Checks, InputBlock
from vlmeter.cell.worker.open_cell import open_cell
from vlmeter.data.manifests import ImagesManifest
from vlmeter.data.samples import StoredSamples
from vlmeter.errors import Sentence, shorten
from vlmeter.measure.clock import Call
from vlmeter.measure.memory import compute_bytes, compute_cache_bytes
from vlmeter.models.batches import Feeder
from vlmeter.models.compilation import captures_cuda_graphs
from vlmeter.models.decoding import Decoding
from vlmeter.models.generate import (
    find_cache_in_use,
    generate,
    generate_cache,
    image_changes_logits,
)
from vlmeter.models.image_forms import choose_median_form, list_tokens
from vlmeter.models.inputs import Inputs, describe_pixels, digests
from vlmeter.models.items import Item, make_full_batches
from vlmeter.models.kernels import DECODE, check_attention, find_kernels_by_stage
from vlmeter.models.load import LoadedModel
from vlmeter.models.result import Quantization
from vlmeter.models.samples import Items
from vlmeter.status import UnsupportedError


@dataclass(frozen=True)
class ForwardEffects:
    """What a forward pass really ran with."""

    kernels: dict[str, list[str]]
    not_as_asked: list[str]


@dataclass(frozen=True)
class DecodeEffects:
    """What a generation really ran with."""

    quantization: Quantization | None
    cache: str
    decode_kernels: list[str]


@dataclass(frozen=True)
class Workload:
    """A cell's model with its samples and the batches whose cost is measured."""

    loaded: LoadedModel
    feeder: Feeder
    items: Items
    cost_batches: Sequence[Inputs]
    """Distinct full batches of one shape: the workload whose cost is measured."""
    cost_samples: int
    """How many samples they are made of."""
    first_items: Sequence[Item]
    """The samples of the first of them, a row each."""
    stored: StoredSamples
    tokens_by_image: Sequence[int]
    """Tokens of the image of each sample, in ascending order."""
    images: ImagesManifest
    decoding: Decoding

    def forwards(self) -> list[Call]:
        """Return one forward pass per cost batch."""
        compiled = self.loaded.optimization.compile
        marks_step = compiled is not None and captures_cuda_graphs(compiled)
        return [_Forward(self.loaded, inputs, marks_step) for inputs in self.cost_batches]

    def read_originals(self) -> list[bytes]:
        """Return the images of the first cost batch, encoded as the data set holds them."""
        ids = [item.id for item in self.first_items]
        originals = self.stored.read_originals(ids)
        return [originals[id_] for id_ in ids]

    def generation(self, new_tokens: int) -> object:
        """Generate exactly as many tokens for the first cost batch."""
        with self.loaded.inference():
            return generate(self.loaded, self.cost_batches[0], self.decoding, new_tokens)

    def count_cache_bytes(self, new_tokens: int) -> int:
        """Return the bytes of the cache at the end of such a generation, in one that is not timed.

        Raises:
            UnsupportedError: the model gives no cache out.
        """
        loaded = self.loaded
        cache = generate_cache(loaded, self.cost_batches[0], self.decoding, new_tokens)
        if cache is None:
            raise UnsupportedError("its generation gives no cache out")
        return compute_cache_bytes(cache)

    def compute_input_bytes(self) -> int:
        """Return the bytes of the inputs of all cost batches, which stay between passes."""
        values = (value for batch in self.cost_batches for value in batch.values())
        return compute_bytes(value for value in values if isinstance(value, torch.Tensor))

    def generate_plainly(self, new_tokens: int) -> object:
        """Generate as `generation` does, greedily over a growing cache: that decoding is counted.

        Not in inference mode, whose tensors no tracer takes.
        """
        optimization = replace(self.loaded.optimization, cache="dynamic")
        loaded = replace(self.loaded, optimization=optimization)
        greedy = replace(self.decoding, num_beams=1, by_model=False)
        with torch.no_grad():
            return generate(loaded, self.cost_batches[0], greedy, new_tokens)

    @property
    def sequence_length(self) -> int:
        """Positions of a row of the cost batches, image positions included."""
        first, loaded = self.cost_batches[0], self.loaded
        outside = loaded.family.count_image_positions_outside_text(loaded.model.config, first)
        return int(first["input_ids"].shape[1]) + max(outside)

    def describe_input(self) -> InputBlock:
        """Return what the figures are of."""
        first = self.cost_batches[0]
        batch = len(first["input_ids"])
        shape_digest, content_digest = digests(self.cost_batches)
        return InputBlock(
            samples=len(self.items),
            prompt_templates=dict(self.items.templates),
            truncated_samples=self.items.truncated,
            bad_samples=[*self.images.bad_samples, *self.items.left_out],
            batch_samples=batch,
            distinct_batches=len(self.cost_batches),
            repeated=self.cost_samples < batch,
            text_tokens=self.items.text_tokens,
            image_tokens=max(self.feeder.count_image_tokens(first)),
            image_tokens_min=self.tokens_by_image[0],
            image_tokens_mean=statistics.fmean(self.tokens_by_image),
            image_tokens_max=self.tokens_by_image[-1],
            image_settings={name: str(value) for name, value in self.feeder.image_settings.items()},
            sequence_length=self.sequence_length,
            pixel_shape=describe_pixels(first),
            shape_digest=shape_digest,
            content_digest=content_digest,
        )

    def check_image_is_seen(self) -> Checks:
        """Return what was checked.

        Raises:
            ValueError: image tokens are missing, or the image does not reach the answer.
        """
        for inputs in self.cost_batches:
            self.feeder.count_image_tokens(inputs)
        first = next(self.items.read(0, 1))
        if not image_changes_logits(self.loaded, self.feeder, first):
            raise ValueError("another image gives the same logits: the model does not see it")
        return Checks(image_tokens_present=True, image_changes_logits=True)

    def check_forward(self) -> ForwardEffects:
        """Return what a forward pass really ran with, in one pass apart from the timed ones.

        Raises:
            UnsupportedError: what was asked for had no effect.
        """
        loaded = self.loaded
        kernels = find_kernels_by_stage(loaded.model, loaded.family, self.forwards()[0])
        strayed: list[str] = [*check_attention(loaded.optimization, kernels)]
        left = loaded.quantization.layers_left if loaded.quantization else []
        if left:
            kept = Sentence(f"{len(left)} linear layers kept their weights, {left[0]} among them")
            strayed.append(kept)
        return ForwardEffects(kernels, strayed)

    def check_generation(self) -> DecodeEffects:
        """Return what the model decodes with, in a generation apart from the timed ones.

        Raises:
            UnsupportedError: what was asked for had no effect.
        """
        cache: list[str] = []

        def run() -> None:
            cache.append(find_cache_in_use(self.loaded, self.cost_batches[0], self.decoding))

        kernels = find_kernels_by_stage(self.loaded.model, self.loaded.family, run)
        return DecodeEffects(self.loaded.quantization, cache[0], kernels.get(DECODE, []))


@dataclass(frozen=True)
class _Forward:
    """A forward pass of one batch, as a call without arguments."""

    loaded: LoadedModel
    inputs: Inputs
    marks_step: bool
    """Whether CUDA graphs need a mark where a new pass begins."""

    def __call__(self) -> object:
        if self.marks_step:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        with self.loaded.inference():
            # A cache, which nothing reads here, would make each layer a program of its own to
            # torch.compile: after eight of them it gives up, and the rest runs uncompiled.
            return self.loaded.model(**self.inputs, use_cache=False)


def prepare_workload(cell: CellSetup, inputs: CellInputs, most_batches: int) -> Workload:
    """Load a cell's model and samples.

    Args:
        cell: The cell.
        inputs: Its files.
        most_batches: Most distinct batches whose cost is measured.

    Raises:
        UnavailableError: torch cannot use the device.
        UnsupportedError: the software refuses the setting.
    """
    opened = open_cell(cell, inputs)
    items, size = opened.items(), cell.axes.batch_size
    if not len(items):
        first = items.left_out[0]
        raise UnsupportedError(
            f"none of the {len(items.left_out)} samples can be asked; the first, "
            f"{shorten(first.id)}, {first.reason}"
        )
    counts = items.count_sizes()
    chosen = choose_median_form(counts, opened.forms)
    samples = list(islice(items.read_of_sizes(chosen), size * most_batches))
    # Its text alone makes the batches longer.
    longest = replace(items.longest(), image=samples[0].image)
    with torch.inference_mode():
        batches = opened.feeder.workload(samples, longest, size, most_batches)
    return Workload(
        loaded=opened.loaded,
        feeder=opened.feeder,
        items=items,
        cost_batches=batches,
        cost_samples=len(samples),
        first_items=make_full_batches(samples, size, most_batches)[0],
        stored=opened.stored,
        tokens_by_image=list_tokens(counts, opened.forms),
        images=opened.images,
        decoding=cell.decoding,
    )
