"""Answers: decoding as a user would run it, and decoding of a forced length for timing."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from vlmeter.models.batches import Feeder, Inputs, Item, in_batches
from vlmeter.models.load import LoadedModel


def generate(loaded: LoadedModel, inputs: Inputs, max_new_tokens: int, *, forced: bool) -> Any:  # noqa: ANN401
    """Decode greedily.

    Args:
        loaded: The model.
        inputs: A batch as `Feeder.batch` makes it.
        max_new_tokens: Most new tokens; with `forced`, exactly as many.
        forced: Whether an end of sequence is ignored, so that luck never looks like speed.

    Returns:
        New token ids of shape (batch, new tokens), without the prompt.
    """
    tokens = loaded.model.generate(
        **inputs,
        max_new_tokens=max_new_tokens,
        min_new_tokens=max_new_tokens if forced else None,
        do_sample=False,
        num_beams=1,
        pad_token_id=loaded.pad_token_id,
        eos_token_id=list(loaded.eos_token_ids) or None,
    )
    if loaded.model.config.is_encoder_decoder:
        return tokens
    return tokens[:, inputs["input_ids"].shape[1] :]


def answers(
    loaded: LoadedModel, feeder: Feeder, items: Sequence[Item], batch_size: int, max_new_tokens: int
) -> Iterator[dict[str, Any]]:
    """Yield a row of `predictions.parquet` for every item, in their order."""
    for batch in in_batches(items, batch_size):
        inputs = feeder.batch(batch)
        feeder.image_tokens(inputs)
        with torch.inference_mode():
            new = generate(loaded, inputs, max_new_tokens, forced=False).tolist()
        for item, tokens in zip(batch, new, strict=True):
            own = _own_tokens(tokens, loaded)
            text = loaded.tokenizer.decode(own, skip_special_tokens=True).strip()
            yield {
                "id": item.id,
                "prediction": text,
                "prompt": item.prompt.text,
                "text_tokens": item.prompt.tokens,
                "generated_tokens": len(own),
                "truncated": item.prompt.truncated,
            }


def _own_tokens(tokens: list[int], loaded: LoadedModel) -> list[int]:
    """Return an answer's tokens up to its end; what follows pads it to the batch's longest."""
    for position, token in enumerate(tokens):
        if token in loaded.eos_token_ids:
            return tokens[:position]
    return tokens


def image_changes_logits(loaded: LoadedModel, feeder: Feeder, items: Sequence[Item]) -> bool:
    """Say whether another image under the same prompt gives other logits.

    It is the one sign that the picture reaches the words: without image tokens a forward runs
    without complaint and without the image.
    """
    inputs = feeder.batch(items[:1])
    other = dict(inputs)
    pixels = inputs["pixel_values"]
    # The negative differs from the image wherever the image is not a flat grey.
    other["pixel_values"] = -pixels
    with torch.inference_mode():
        first = loaded.model(**inputs).logits.float()
        second = loaded.model(**other).logits.float()
    if not bool(torch.isfinite(first).all()):
        raise ValueError("the logits are not finite: the model's numbers overflow in this dtype")
    return not torch.equal(first, second)
