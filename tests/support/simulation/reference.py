"""What a model's passes cost by the statement of the simulation, without any code that measures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import torch
from job_factory import get_optimization
from PIL import Image
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from simulation.ledger import Pass
from simulation.machine import Settings, SimulatedMachine
from simulation.model import CostedModel, count_tokens

TEXT_TOKENS, IMAGE_TOKENS, ROWS = 12, 4, 2


@dataclass(frozen=True)
class Reference:
    """A model on a machine without noise, whose passes are run as they are and not measured."""

    model: CostedModel
    batches: list[dict[str, torch.Tensor]]

    def run(self, new_tokens: int | None = None, batch: int = 0) -> Pass:
        """Run a forward pass, or a generation of so many tokens."""
        inputs = self.batches[batch]
        with torch.inference_mode():
            if new_tokens is None:
                self.model.model(**inputs, use_cache=False)
            else:
                self.model.model.generate(
                    **inputs,
                    max_new_tokens=new_tokens,
                    min_new_tokens=new_tokens,
                    do_sample=False,
                )
        return self.model.passes[-1]

    def forwards_s(self) -> list[float]:
        """Return the seconds of a forward pass of each batch."""
        return [self.run(batch=number).seconds for number in range(len(self.batches))]

    @cached_property
    def layers(self) -> "dict[str, LayerTruth]":
        """What each layer does in a forward pass, by name."""
        return self._watch(self.run)

    def count_normalised(self) -> int:
        """Return the elements that are normalised in a forward pass."""
        seen: list[int] = []
        norms = [it for it in self.model.model.modules() if isinstance(it, nn.LayerNorm)]
        handles = [
            norm.register_forward_hook(lambda *given: seen.append(given[-1].numel()))
            for norm in norms
        ]
        self.run()
        for handle in handles:
            handle.remove()
        return sum(seen)

    def count_step(self, new_tokens: int) -> "dict[str, LayerTruth]":
        """Return what each layer does in the mean decode step of a generation of such a length."""
        first, whole = (self._watch(lambda n=n: self.run(n)) for n in (1, new_tokens))
        steps = new_tokens - 1
        return {
            name: LayerTruth(
                (all_.calls - first[name].calls) / steps,
                (all_.seconds - first[name].seconds) / steps,
                (all_.flops - first[name].flops) / steps,
            )
            for name, all_ in whole.items()
            if all_.calls > first[name].calls
        }

    def count_generation(self, new_tokens: int) -> "dict[str, LayerTruth]":
        """Return what each layer does in a generation of such a length."""
        return self._watch(lambda: self.run(new_tokens))

    def count_held_bytes(self, new_tokens: int) -> int:
        """Return the most bytes of tensors at once: in a forward pass or such a generation."""
        inputs = {id(it): it.nbytes for batch in self.batches for it in batch.values()}
        made = []
        for tokens in (None, new_tokens):
            with LiveTensors() as live:
                self._watch(lambda tokens=tokens: self.run(tokens))
            made.append(live.peak_bytes)
        return self.model.weights_bytes + sum(inputs.values()) + max(made)

    def _watch(self, run: Any) -> "dict[str, LayerTruth]":
        """Note what the layers do in a pass, by hooks of its own."""
        seen: dict[str, LayerTruth] = {}
        handles = []
        modules = dict(self.model.model.named_modules())
        for name in self.model.index:
            module = modules[name]

            def note(
                module: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name
            ) -> None:
                given = next(it for it in (*args, *kwargs.values()) if torch.is_tensor(it))
                before = seen.get(name, LayerTruth(0, 0.0, 0))
                seconds = self.model.cost_s(name, count_tokens(module, given))
                flops = count_operations(module, given, kwargs, output)
                seen[name] = LayerTruth(
                    before.calls + 1, before.seconds + seconds, before.flops + flops
                )

            handles.append(module.register_forward_hook(note, with_kwargs=True))
        try:
            run()
        finally:
            for handle in handles:
                handle.remove()
        return seen


class LiveTensors(TorchDispatchMode):
    """Adds up the tensors that operators return and that somebody still holds."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[StorageWeakRef, int] = {}
        self.peak_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: object, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operator, and look what is held then."""
        given = {StorageWeakRef(it.untyped_storage()) for it in _list_tensors((args, kwargs))}
        returned = func(*args, **(kwargs or {}))
        for tensor in _list_tensors(returned):
            storage = StorageWeakRef(tensor.untyped_storage())
            if storage not in given:
                self._sizes.setdefault(storage, tensor.untyped_storage().nbytes())
        self._sizes = {it: size for it, size in self._sizes.items() if not it.expired()}
        self.peak_bytes = max(self.peak_bytes, sum(self._sizes.values()))
        return returned


def _list_tensors(values: Any) -> list[torch.Tensor]:
    return [it for it in tree_leaves(values) if isinstance(it, torch.Tensor)]


@dataclass(frozen=True)
class LayerTruth:
    """What a layer does in a pass."""

    calls: float
    seconds: float
    flops: float


def count_operations(module: nn.Module, given: Any, kwargs: Any, output: Any) -> int:
    """Count two for each multiplication and addition of a layer itself, by its shapes."""
    if isinstance(module, nn.Linear):
        return 2 * prod(given.shape) * module.out_features
    if isinstance(module, nn.Conv2d):
        inside = module.in_channels * prod(module.kernel_size)
        return 2 * prod(output.shape) * inside
    if type(module).__name__ in (
        "Blip2Attention",
        "OPTAttention",
        "Blip2QFormerMultiHeadAttention",
    ):
        other, cache = kwargs.get("encoder_hidden_states"), kwargs.get("past_key_values")
        keys = (given if other is None else other).shape[1]
        if cache is not None and hasattr(module, "layer_idx") and "OPT" in type(module).__name__:
            keys = cache.get_seq_length(module.layer_idx)
        # Scores and sums over all heads, which are as wide as the layer together.
        return 2 * 2 * prod(given.shape) * int(keys)
    return 0


def make_reference(model_folder: Path, pictures: Sequence[bytes]) -> Reference:
    """Return the reference of a model for batches of these pictures, in their order."""
    machine = SimulatedMachine(Settings(seed=None))
    eager = get_optimization("eager")
    loaded = machine.load(model_folder, "cpu", "fp32", eager, random=False, seed=0)
    images = [Image.open(io.BytesIO(picture)) for picture in pictures]
    pixels = loaded.processor.image_processor(images, return_tensors="pt")["pixel_values"]
    ids = torch.full((ROWS, IMAGE_TOKENS + TEXT_TOKENS), 7)
    ids[:, :IMAGE_TOKENS] = loaded.model.config.image_token_index
    mask = torch.ones_like(ids)
    # As of a text that is shorter than the longest.
    mask[:, IMAGE_TOKENS : IMAGE_TOKENS + 2] = 0
    assert machine.model is not None
    return Reference(
        machine.model,
        [
            {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels[first : first + ROWS]}
            for first in range(0, len(pixels) - ROWS + 1, ROWS)
        ],
    )
