"""A cell's model on its device and its samples on disk, seen to be what was written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vlmeter.data.manifests import ImagesManifest, read_images_manifest
from vlmeter.data.samples import StoredSamples, Text
from vlmeter.machine.torch_device import check_device
from vlmeter.models.batches import Feeder
from vlmeter.models.families.base import uses_chat_template
from vlmeter.models.families.prompts import family_prompts
from vlmeter.models.load import LoadedModel, check_files, load_model
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.optimization import Optimization
from vlmeter.models.samples import Items
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import check_whole


@dataclass(frozen=True)
class Opened:
    """A cell's model on its device, and where its samples lie."""

    loaded: LoadedModel
    feeder: Feeder
    stored: StoredSamples
    template_of: Callable[[Text], str]
    images: ImagesManifest

    def items(self, start: int = 0, stop: int | None = None) -> Items:
        """Return a run of the samples, with their prompts."""
        return Items(self.stored, self.feeder, self.template_of, start, stop)


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
    stored = read_model_manifest(manifest)
    if stored.unsupported:
        raise UnsupportedError(stored.unsupported)
    check_files(manifest.with_suffix(""), stored)
    loaded = load_model(
        manifest.with_suffix(""),
        axes,
        Optimization.of(cell),
        random=stored.weights == "random",
        seed=measure["seed"],
        gpus=cell["gpus"],
    )
    images = Path(inputs["images"])
    samples = StoredSamples(
        images.parent.parent / "samples.parquet", images.with_suffix(".parquet")
    )
    described = read_images_manifest(images)
    table = samples.samples
    check_whole(table, described.samples_sha256, remake=table.with_suffix(".json"))
    check_whole(samples.images, described.sha256, remake=images)
    return Opened(loaded, Feeder(loaded, axes), samples, _template_of(cell, loaded), described)


def _template_of(cell: Mapping[str, Any], loaded: LoadedModel) -> Callable[[Text], str]:
    """Return what chooses a sample's template: the cell's, or the model family's for the task."""
    if cell["template"] is not None:
        return lambda _: str(cell["template"])
    prompts = family_prompts(loaded.model.config, chat=uses_chat_template(loaded.processor))
    return lambda text: prompts.template(cell["task"], text)
