"""A model's inputs: batches of images and prompts, with the image's places in the text."""

from collections.abc import Mapping, Sequence

import torch

from vlmeter.data.prompts import Fit, fit_prompt
from vlmeter.data.samples import Text
from vlmeter.models.families import expected_image_tokens, image_token_id, is_encoder_decoder
from vlmeter.models.inputs import Inputs, list_text_inputs
from vlmeter.models.items import Item, decode_image, make_full_batches
from vlmeter.models.load import LoadedModel
from vlmeter.models.special_tokens import SpecialTokens
from vlmeter.status import UnsupportedError


class Feeder:
    """Makes batches for one model at one cell's settings."""

    def __init__(self, loaded: LoadedModel, image_input: str, max_input_len: int) -> None:
        """Choose the model and how it is fed.

        Args:
            loaded: The model.
            image_input: `processor` or `native`.
            max_input_len: Most text tokens of a prompt.
        """
        self._loaded = loaded
        self._max_input_len = max_input_len
        self._special = SpecialTokens(loaded.processor)
        self._native = image_input == "native"
        self._decodes_apart = is_encoder_decoder(loaded.model.config)

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
        loaded = self._loaded
        options: dict[str, bool] = dict(loaded.family.processor_options)
        if self._native:
            options |= {"do_resize": False, "do_center_crop": False}
        processed = loaded.processor(
            images=loaded.family.images([decode_image(item) for item in items]),
            text=[loaded.family.text(loaded.processor, item.prompt.text) for item in items],
            padding=True,
            return_tensors="pt",
            **options,
        )
        inputs: Inputs = dict(processed.to(loaded.device, loaded.dtype))
        # Made for training: with labels the forward would compute a loss.
        inputs.pop("labels", None)
        if self._decodes_apart:
            start = loaded.decoder_start_token_id
            inputs["decoder_input_ids"] = inputs["input_ids"].new_full((len(items), 1), start)
        if self._native:
            if not loaded.interpolates_positions:
                raise UnsupportedError(
                    f"image_input native: {loaded.model.config.model_type} takes images at its "
                    "own size alone, its position encodings are not interpolated"
                )
            inputs["interpolate_pos_encoding"] = True
        return inputs

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
        return [self._pad(inputs, widths) for inputs in batches]

    def _pad(self, inputs: Inputs, widths: Mapping[str, int]) -> Inputs:
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
        token = image_token_id(config)
        if token is None:
            return outside
        counts = (inputs["input_ids"] == token).sum(dim=1).tolist()
        expected = expected_image_tokens(config)
        if min(counts) == 0 or (expected is not None and set(counts) != {expected}):
            raise ValueError(
                f"the prompt holds {counts} image tokens, the model wants {expected or 'some'}: "
                "this revision's processor does not fit the model"
            )
        return outside if any(outside) else counts
