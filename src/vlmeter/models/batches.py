"""A model's inputs: batches of images and prompts, with the image's places in the text."""

import io
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from PIL import Image

from vlmeter.data.prompts import Fit, Prompt, fit_prompt
from vlmeter.data.samples import Size, Text
from vlmeter.errors import one_line
from vlmeter.models.families import expected_image_tokens, is_encoder_decoder
from vlmeter.models.image_forms import ImageForm
from vlmeter.models.image_tokens import Settings, list_settings
from vlmeter.models.inputs import Inputs, digests, list_text_inputs
from vlmeter.models.items import Item, decode_image, make_full_batches
from vlmeter.models.load import LoadedModel
from vlmeter.models.special_tokens import SpecialTokens
from vlmeter.status import UnsupportedError

_PROBED_PX = 224
"""Side of a square to try a processor with, where a cell names none."""


class Feeder:
    """Makes batches for one model at one cell's settings."""

    def __init__(
        self,
        loaded: LoadedModel,
        image_input: str,
        max_input_len: int,
        image_size: int | None = None,
    ) -> None:
        """Choose the model and how it is fed.

        Args:
            loaded: The model.
            image_input: `processor` or `native`.
            max_input_len: Most text tokens of a prompt.
            image_size: Side in pixels of the square that a model of fixed form gets natively; an
                image keeps its size without one.
        """
        self._loaded = loaded
        self._max_input_len = max_input_len
        self._image_size = image_size
        self._special = SpecialTokens(loaded.processor)
        self._native = image_input == "native"
        self._decodes_apart = is_encoder_decoder(loaded.model.config)
        self.image_settings: Settings = {}
        """Options of the image processor by which images take as many tokens as they may."""
        self._interpolates = False
        self._interpolates = self._native and not self._tells_forms_apart()

    def fit(self, template: str, text: Text) -> Fit:
        """Find what a sample's prompt keeps, cut to the cell's length.

        The length is of the user's text: neither the image nor a chat template takes from it.

        Raises:
            TemplateTooLongError: even without the sample's texts it is too long.
            PromptError: a text of the sample holds a special token, which no tokenizer takes for
                text; an image's among them would promise a second image.
            UnsupportedError: the template itself holds the image's token.
        """
        self._special.check(template, text)
        family, processor = self._loaded.family, self._loaded.processor
        return fit_prompt(
            template,
            text,
            self._max_input_len,
            lambda prompt: family.text_tokens(processor, prompt),
        )

    def batch(self, items: Sequence[Item]) -> Inputs:
        """Return one batch.

        Returns:
            What the processor makes of images and texts, on the model's device: input_ids and
            attention_mask of shape (batch, image + text tokens), pixel_values and what else the
            family takes; for an encoder-decoder the decoder's start; what the forward needs to
            take a larger image.

        Raises:
            UnsupportedError: the model takes images of its own size alone.
        """
        pictures = self.resize([decode_image(item) for item in items])
        return self.transfer(self.process(pictures, self.write_texts(items)))

    def resize(self, pictures: Sequence[Image.Image]) -> Sequence[Image.Image]:
        """Return a batch's pictures, as squares where a model of fixed form gets them natively."""
        if not self._interpolates or self._image_size is None:
            return pictures
        square = (self._image_size, self._image_size)
        return [each.resize(square, Image.Resampling.BICUBIC) for each in pictures]

    def write_texts(self, items: Sequence[Item]) -> list[str]:
        """Return what the processor is given for the prompts: chat templates filled."""
        loaded = self._loaded
        return [loaded.family.text(loaded.processor, item.prompt.text) for item in items]

    def process(self, pictures: Sequence[Image.Image], texts: Sequence[str]) -> Any:  # noqa: ANN401
        """Return what the processor makes of a batch, in the host's memory."""
        loaded = self._loaded
        options = {**loaded.family.processor_options, **self.image_settings}
        if self._interpolates:
            options |= {"do_resize": False, "do_center_crop": False}
        return loaded.processor(
            images=loaded.family.images(pictures),
            text=list(texts),
            padding=True,
            return_tensors="pt",
            **options,
        )

    def transfer(self, processed: Any) -> Inputs:  # noqa: ANN401 - a BatchFeature of transformers
        """Return a processed batch on the model's device, as its forward takes it.

        Raises:
            UnsupportedError: the model takes images of its own size alone.
        """
        loaded = self._loaded
        inputs: Inputs = dict(processed.to(loaded.device, loaded.dtype))
        # Made for training: with labels the forward would compute a loss.
        inputs.pop("labels", None)
        loaded.family.finish_inputs(loaded.processor, loaded.model.config, inputs)
        if self._decodes_apart:
            ids = inputs["input_ids"]
            inputs["decoder_input_ids"] = ids.new_full((len(ids), 1), loaded.decoder_start_token_id)
        if self._interpolates:
            if not loaded.interpolates_positions:
                raise UnsupportedError(
                    f"image_input native: {loaded.model.config.model_type} takes images at its "
                    "own size alone: its processor brings all to one form, and its position "
                    "encodings are not interpolated"
                )
            inputs["interpolate_pos_encoding"] = True
        return inputs

    def find_forms(self, sizes: Iterable[Size]) -> tuple[dict[Size, ImageForm], dict[Size, str]]:
        """Return what becomes of images by their sizes, and of the others why they are refused.

        Raises:
            ValueError: all are refused.
        """
        forms: dict[Size, ImageForm] = {}
        refused: dict[Size, str] = {}
        failure = None
        for size in sizes:
            try:
                forms[size] = self.find_form(size)
            except ValueError as error:
                failure = failure or error
                form = f"{size[0]} x {size[1]} px"
                refused[size] = f"has an image of {form}, which is refused: {one_line(error)}"
        if failure is not None and not forms:
            raise failure
        return forms, refused

    def find_form(self, size: Size) -> ImageForm:
        """Return what becomes of an image of a size under the settings as they are.

        Raises:
            ValueError: the processor refuses images of this form.
        """
        inputs = self.batch([_make_blank(size)])
        shapes = {
            name: tuple(value.shape)
            for name, value in inputs.items()
            if isinstance(value, torch.Tensor)
        }
        return ImageForm(self.count_image_tokens(inputs)[0], tuple(sorted(shapes.items())))

    def _tells_forms_apart(self) -> bool:
        """Say whether wide images become something else than a square of as many pixels."""
        side = self._image_size or _PROBED_PX
        sizes = [(round(side * wide**0.5), round(side / wide**0.5)) for wide in (1, 2, 3)]
        return len({digests([self.batch([_make_blank(size)])])[0] for size in sizes}) > 1

    def limit_image_tokens(self, most: int, sizes: Iterable[Size]) -> None:
        """Let images take as many tokens as they may, by the setting that the processor has for it.

        Args:
            most: Most tokens of an image.
            sizes: Of all images.

        Raises:
            UnsupportedError: nothing changes their number, or not enough.
        """
        model_type = self._loaded.model.config.model_type
        settings = list_settings(self._loaded.processor, most)
        if not settings:
            reason = self._loaded.family.no_image_limit or "no setting that is known here does it"
            raise UnsupportedError(
                f"max_image_tokens: how many tokens {model_type} takes for an image cannot be set: "
                f"{reason}: leave it at 0"
            )
        # Crops may keep the form of an image that is brought to one form without them.
        interpolates, self._interpolates = self._interpolates, False
        # The largest first: they are the likeliest to take too many.
        ordered = sorted(sizes, key=lambda size: -size[0] * size[1])

        def exceeds(number: int) -> bool:
            self._use(settings[number])
            return any(self.find_form(size).tokens > most for size in ordered)

        fitting = bisect_left(range(len(settings)), True, key=exceeds) - 1
        self._use(settings[max(fitting, 0)])
        if fitting < 0:
            largest = max(ordered, key=lambda size: self.find_form(size).tokens)
            raise UnsupportedError(
                f"max_image_tokens {most}: {model_type} takes {self.find_form(largest).tokens} "
                f"tokens at the least for an image of {largest[0]} x {largest[1]} px"
            )
        self._interpolates = interpolates and not self._tells_forms_apart()

    def _use(self, settings: Settings) -> None:
        self.image_settings = settings
        if "image_grid_pinpoints" in settings:
            # The model and the processor's count of tokens go by the grids, too.
            for holder in (self._loaded.model.config, self._loaded.processor.image_processor):
                holder.image_grid_pinpoints = settings["image_grid_pinpoints"]

    def workload(
        self, items: Sequence[Item], longest: Item, batch_size: int, most: int
    ) -> list[Inputs]:
        """Return up to `most` distinct full batches of one shape: that of the longest prompt.

        Args:
            items: The first samples: those of these batches, or all where they are fewer.
            longest: The sample with the longest prompt of all.
            batch_size: Rows of a batch.
            most: Most batches.
        """
        batches = [self.batch(batch) for batch in make_full_batches(items, batch_size, most)]
        of_longest = self.batch([longest])
        widths = {
            name: max(inputs[name].shape[1] for inputs in (of_longest, *batches))
            for name in list_text_inputs(of_longest)
        }
        return [self.pad(inputs, widths) for inputs in batches]

    def pad(self, inputs: Inputs, widths: Mapping[str, int]) -> Inputs:
        """Pad every row to these lengths with masked tokens, on the tokenizer's side."""
        padded = dict(inputs)
        for name, width in widths.items():
            missing = width - inputs[name].shape[1]
            sides = (missing, 0) if self._loaded.tokenizer.padding_side == "left" else (0, missing)
            behind = (0, 0) * (inputs[name].dim() - 2)
            value = self._loaded.pad_token_id if name == "input_ids" else 0
            padded[name] = torch.nn.functional.pad(inputs[name], (*behind, *sides), value=value)
        return padded

    def count_image_tokens(self, inputs: Inputs) -> list[int]:
        """Return how many positions the image takes in each row, after a check that they are there.

        Without them the forward runs without the image and without an error.

        Raises:
            ValueError: a row lacks them, or rows differ from what the model fixes.
        """
        config = self._loaded.model.config
        outside = self._loaded.family.count_image_positions_outside_text(config, inputs)
        places = self._loaded.family.find_image_places(config, inputs)
        if places is None:
            return outside
        counts = places.sum(dim=1).tolist()
        expected = expected_image_tokens(config)
        if min(counts) == 0 or (expected is not None and set(counts) != {expected}):
            raise ValueError(
                f"the prompt holds {counts} image tokens, the model wants {expected or 'some'}: "
                "this revision's processor does not fit the model"
            )
        return outside if any(outside) else counts


def _make_blank(size: Size) -> Item:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, format="PNG")
    return Item("", out.getvalue(), Prompt("", 0, truncated=False), "")
