"""The host memory that a measuring job asks a scheduler for."""

from pathlib import Path
from typing import Protocol

from vlmeter.errors import UserError
from vlmeter.models.manifest import read_model_manifest
from vlmeter.storage.layout import CellKey
from vlmeter.study.study import Cell, Study
from vlmeter.study.wildcards import CellWildcards

BYTES_PER_NUMBER = {"fp32": 4, "fp16": 2, "bf16": 2}
_ALWAYS_MB = 6_000
"""Python with torch, transformers and their libraries, a CUDA context, images and answers."""
_PER_SAMPLE_MB = 400
"""Activations and cache of a sample of a batch on the CPU. BLIP-2 takes 153 MB for each at full
size (docs/measurements); models with more image tokens take more."""


def estimate_memory_mb(parameters: int, dtype: str, device: str, batch_size: int) -> int:
    """Return the megabytes of host memory that a cell is given; too many rather than too few.

    The weights count twice: while they are loaded, the file's pages stand beside the tensors, and
    a quantised layer beside the one that it is made of.

    Args:
        parameters: Of the model.
        dtype: Of the stored weights.
        device: On `cuda` activations need none of it.
        batch_size: Samples that are fed at once.
    """
    weights_mb = parameters * BYTES_PER_NUMBER[dtype] // 1_000_000
    samples_mb = _PER_SAMPLE_MB * batch_size if device == "cpu" else 0
    return _ALWAYS_MB + 2 * weights_mb + samples_mb


class Inputs(Protocol):
    """The part of Snakemake's `input` that the memory of a job depends on."""

    def get(self, name: str, /) -> str | None:
        """The file under a name of the rule's input."""


class Memory:
    """Answers the rules of a study how much host memory their jobs ask for."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._parameters: dict[Path, int] = {}

    def estimate_cell_mb(self, wildcards: CellWildcards, input: Inputs) -> int:
        """Return the megabytes that a job of a cell asks for: measurement, answers or layers.

        Args:
            wildcards: Of the cell.
            input: Of the job, by Snakemake under this name; without a `model` it opens none.

        Raises:
            FileNotFoundError: its model is not stored yet; Snakemake asks again once it is.
        """
        return self._estimate(self._study.cell(CellKey(wildcards.dataset, wildcards.cell)), input)

    def estimate_control_mb(self, _wildcards: object, input: Inputs) -> int:
        """Return the megabytes that the second measurement of the base cell asks for."""
        cell = self._study.control_cell
        assert cell is not None, "only a study with a control runs the rule"
        return self._estimate(cell, input)

    def _estimate(self, cell: Cell, inputs: Inputs) -> int:
        axes = cell.axes
        parameters, model = 0, inputs.get("model")
        if model is not None:
            manifest = Path(model)
            # Asked for each cell: a manifest is read once.
            if manifest not in self._parameters:
                self._parameters[manifest] = _read_parameters(manifest)
            parameters = self._parameters[manifest]
        return estimate_memory_mb(parameters, axes.dtype, axes.device, axes.batch_size)


def _read_parameters(manifest: Path) -> int:
    """Return a stored model's number of parameters; 0 for one that its job will refuse."""
    manifest.stat()
    try:
        return read_model_manifest(manifest).parameters or 0
    except UserError:
        # Damaged: the job that reads it says so.
        return 0
