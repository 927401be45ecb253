"""The model that the truth checks measure: loaded as a cell loads it, one at a time."""

import gc
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from full_size import inputs_of
from ours import (
    EAGER,
    Call,
    Clock,
    Decoding,
    LoadedModel,
    Optimization,
    Workload,
    load_model,
    make_clock,
    store_architecture,
)

TEXT_TOKENS = 9
"""Of a sample, as behind the published FLOPs of one."""
DECODING = Decoding(
    max_new_tokens=16,
    num_beams=1,
    length_penalty=1.0,
    min_new_tokens=0,
    repetition_penalty=1.0,
    by_model=False,
)


@dataclass
class Subject:
    """A model with random weights on a device, and what it is fed."""

    device: str
    folder: Path
    """Its architecture and processor, stored as `fetch_model` stores them."""
    parameters: int
    clock: Clock
    _loaded: LoadedModel | None = field(default=None, repr=False)
    _form: tuple[str, Optimization] | None = None
    _logits: dict[tuple[int, str], torch.Tensor] = field(default_factory=dict, repr=False)

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device != "cpu"

    @property
    def dtype(self) -> str:
        """The number format of all checks that name no other."""
        return "fp16" if self.on_gpu else "fp32"

    @property
    def rows(self) -> int:
        """Samples of a large batch."""
        return 16 if self.on_gpu else 2

    @property
    def turn_s(self) -> float:
        """Seconds of one turn where VLMeter and another tool take turns."""
        return 0.8 if self.on_gpu else 0.2

    def loaded(self, dtype: str | None = None, optimization: Optimization = EAGER) -> LoadedModel:
        """Return the model in a number format, loaded anew only where it is another form."""
        form = (dtype or self.dtype, optimization)
        if self._loaded is None or self._form != form:
            self.drop()
            self._loaded = self._load(form[0], optimization)
            self._form = form
        return self._loaded

    def try_to_load(self, optimization: Optimization) -> None:
        """Load the model in a form that may be refused, beside the one that is held."""
        self._load(self.dtype, optimization)

    def _load(self, dtype: str, optimization: Optimization) -> LoadedModel:
        return load_model(self.folder, self.device, dtype, optimization, random=True, seed=0)

    def plain_logits(self, rows: int, dtype: str) -> torch.Tensor:
        """Return the logits of the model as it is written, computed once."""
        if (rows, dtype) not in self._logits:
            self._logits[rows, dtype] = logits_of(self.forward(rows, dtype))
        return self._logits[rows, dtype]

    def drop(self) -> None:
        """Give the model's memory back."""
        self._loaded = self._form = None
        gc.collect()
        if self.on_gpu:
            torch.cuda.empty_cache()

    def workload(
        self, rows: int, dtype: str | None = None, optimization: Optimization = EAGER
    ) -> Workload:
        """Return the model with one batch, as a cell measures it."""
        loaded = self.loaded(dtype, optimization)
        batch = inputs_of(loaded.model, rows, TEXT_TOKENS, self.device, loaded.dtype)
        nothing: Any = None
        return Workload(
            loaded,
            feeder=nothing,
            items=nothing,
            cost_batches=[batch],
            cost_samples=rows,
            first_items=[],
            stored=nothing,
            tokens_by_image=[],
            images=nothing,
            decoding=DECODING,
        )

    def forward(
        self, rows: int, dtype: str | None = None, optimization: Optimization = EAGER
    ) -> Call:
        """Return a cell's own forward pass of one batch."""
        return self.workload(rows, dtype, optimization).forwards()[0]

    def synchronize(self) -> None:
        """Wait for the device."""
        self.clock.synchronize()


def logits_of(forward: Call) -> torch.Tensor:
    """Run a pass; return its logits on the host, in fp32."""
    outputs: Any = forward()
    logits: torch.Tensor = outputs.logits
    return logits.float().cpu()


@contextmanager
def stored_subject(architecture: Path, device: str) -> Iterator[Subject]:
    """Store an architecture in a folder of its own for as long as it is measured."""
    folder = Path(tempfile.mkdtemp())
    try:
        parameters = store_architecture(architecture, folder)
        yield Subject(device, folder, parameters, make_clock(device))
    finally:
        shutil.rmtree(folder)
