"""A cell's model on its device and its samples on disk, both checked to be what was written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from vlmeter.cell.job import CellInputs, CellSetup
from vlmeter.data.manifests import ImagesManifest, read_images_manifest
from vlmeter.data.samples import Size, StoredSamples, Text
from vlmeter.machine.torch_device import check_device
from vlmeter.models.batches import Feeder
from vlmeter.models.families.base import uses_chat_template
from vlmeter.models.families.prompts import family_prompts
from vlmeter.models.image_forms import ImageForm
from vlmeter.models.load import LoadedModel, check_files, load_model
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.packages import explaining_lacks
from vlmeter.models.samples import Items
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import check_whole


@dataclass(frozen=True)
class OpenCell:
    """A cell's model on its device, and where its samples lie."""

    loaded: LoadedModel
    feeder: Feeder
    stored: StoredSamples
    template_of: Callable[[Text], str]
    images: ImagesManifest
    forms: Mapping[Size, ImageForm]
    """What the processor makes of the images, by their sizes."""
    refused: Mapping[Size, str]
    """Why it refuses images of other sizes."""

    def items(self, start: int = 0, stop: int | None = None) -> Items:
        """Return a run of the samples, with their prompts."""
        return Items(self.stored, self.feeder, self.template_of, start, stop, self.refused)


def open_cell(cell: CellSetup, inputs: CellInputs) -> OpenCell:
    """Load a cell's model, having checked that all files are what was written.

    Raises:
        UnavailableError: torch cannot use the device.
        UnsupportedError: the software refuses the setting.
    """
    axes = cell.axes
    torch.manual_seed(cell.seed)
    check_device(axes.device)
    model = read_model_manifest(inputs.opened_model)
    if model.unsupported:
        raise UnsupportedError(model.unsupported)
    folder = inputs.opened_model.with_suffix("")
    check_files(folder, model)
    with explaining_lacks(model.model):
        loaded = load_model(
            folder,
            axes.device,
            axes.dtype,
            cell.optimization,
            random=model.weights == "random",
            seed=cell.seed,
            gpus=cell.gpus,
        )
    images = read_images_manifest(inputs.images)
    stored = StoredSamples(
        inputs.images.parent.parent / "samples.parquet", inputs.images.with_suffix(".parquet")
    )
    check_whole(stored.samples, images.samples_sha256, remake=stored.samples.with_suffix(".json"))
    check_whole(stored.images, images.sha256, remake=inputs.images)
    feeder = Feeder(loaded, axes.image_input, axes.max_input_len, axes.image_size)
    forms, refused = feeder.find_forms(dict.fromkeys(stored.read_sizes(0, len(stored))))
    if axes.max_image_tokens:
        feeder.limit_image_tokens(axes.max_image_tokens, forms)
        forms = {size: feeder.find_form(size) for size in forms}
    template_of = _choose_template(cell, loaded)
    return OpenCell(loaded, feeder, stored, template_of, images, forms, refused)


def _choose_template(cell: CellSetup, loaded: LoadedModel) -> Callable[[Text], str]:
    """Return what chooses a sample's template: the cell's, or the model family's for the task."""
    template = cell.template
    if template is not None:
        return lambda _: template
    prompts = family_prompts(loaded.model.config, chat=uses_chat_template(loaded.processor))
    return lambda text: prompts.template(cell.task, text)
