"""Answers: decoding as a user would run it, and decoding of a forced length for timing."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from typing import Any, TypeVar

import torch

from vlmeter.data.samples import Prediction
from vlmeter.models.batches import Feeder
from vlmeter.models.decoding import Decoding, Settings, WrongLengthError, select_applied
from vlmeter.models.inputs import Inputs
from vlmeter.models.items import Item, invert_image, split_by_place
from vlmeter.models.load import LoadedModel
from vlmeter.models.option_scores import score_options
from vlmeter.status import UnsupportedError


def generate(
    loaded: LoadedModel,
    inputs: Inputs,
    decoding: Decoding,
    forced_tokens: int | None = None,
) -> Any:  # noqa: ANN401
    """Decode greedily, by a beam search where there are several beams, or as the model says.

    Args:
        loaded: The model.
        inputs: A batch as `Feeder.batch` makes it.
        decoding: The cell's.
        forced_tokens: Generate exactly as many tokens: an end of sequence is ignored, so that luck
            never looks like speed.

    Returns:
        New token ids of shape (batch, new tokens), without what came before.

    Raises:
        WrongLengthError: a forced generation has another length.
        UnsupportedError: the model's own settings hold, and one of them cannot be measured.
    """
    tokens = _decode(loaded, inputs, decoding, forced_tokens)
    before = inputs["decoder_input_ids" if "decoder_input_ids" in inputs else "input_ids"]
    new = tokens[:, before.shape[1] :]
    # A shape, which the host knows: nothing waits for the device.
    if forced_tokens is not None and new.shape[1] != forced_tokens:
        raise WrongLengthError(
            f"{new.shape[1]} tokens were generated where {forced_tokens} were forced: "
            "no rate follows"
        )
    return new


def _decode(
    loaded: LoadedModel,
    inputs: Inputs,
    decoding: Decoding,
    forced_tokens: int | None = None,
    *,
    cache_too: bool = False,
) -> Any:  # noqa: ANN401
    return loaded.family.generate(
        loaded.model,
        # An encoder-decoder's generation makes the decoder's start by itself.
        {name: value for name, value in inputs.items() if name != "decoder_input_ids"},
        **_list_options(decoding, loaded.own_generation, forced_tokens),
        pad_token_id=loaded.pad_token_id,
        eos_token_id=list(loaded.eos_token_ids) or None,
        cache_implementation="static" if loaded.optimization.has_static_cache else None,
        # A static cache makes transformers compile decoding on a GPU, which no one asked for.
        disable_compile=True,
        return_dict_in_generate=cache_too,
    )


def generate_cache(
    loaded: LoadedModel, inputs: Inputs, decoding: Decoding, forced_tokens: int
) -> object:
    """Return the key-value cache as a generation of a forced length leaves it."""
    with loaded.inference():
        return _decode(loaded, inputs, decoding, forced_tokens, cache_too=True).past_key_values


def find_cache_in_use(loaded: LoadedModel, inputs: Inputs, decoding: Decoding) -> str:
    """Return the class of the key-value cache that a generation really uses.

    Raises:
        UnsupportedError: a static one was asked for and another was used.
    """
    cache = generate_cache(loaded, inputs, decoding, 2)
    used = type(getattr(cache, "self_attention_cache", cache)).__name__
    if loaded.optimization.has_static_cache and "Static" not in used:
        raise UnsupportedError(
            f"{loaded.optimization.name}: accepted, but generation used a {used}"
        )
    return used


def _list_options(decoding: Decoding, own: Settings, forced_tokens: int | None) -> Settings:
    """Return the settings by the names that transformers gives them."""
    settings = select_applied(own) if decoding.by_model else _list_settings(decoding)
    settings |= {"max_new_tokens": decoding.max_new_tokens, "do_sample": False}
    if forced_tokens is not None:
        settings |= {"max_new_tokens": forced_tokens, "min_new_tokens": forced_tokens}
    return settings


def _list_settings(decoding: Decoding) -> Settings:
    # Without a search it means nothing, and transformers says so each time.
    penalty = {} if decoding.num_beams == 1 else {"length_penalty": decoding.length_penalty}
    return {
        "min_new_tokens": decoding.min_new_tokens or None,
        "num_beams": decoding.num_beams,
        "repetition_penalty": decoding.repetition_penalty,
        **penalty,
    }


def generate_answers(
    loaded: LoadedModel,
    feeder: Feeder,
    items: Iterable[Item],
    batch_size: int,
    decoding: Decoding,
    *,
    ranked: bool = False,
) -> Generator[Prediction]:
    """Yield the prediction for every item, in their order.

    Each batch is prepared once, while the model works on the one before it. Close what is returned:
    with it ends the thread that prepares.

    Args:
        loaded: The model.
        feeder: Makes its batches.
        items: The samples.
        batch_size: Samples of a batch.
        decoding: The cell's.
        ranked: Score the options of a multiple choice as well.
    """
    with prefetch(_prepare_batches(feeder, items, batch_size)) as batches:
        for batch, inputs in batches:
            with loaded.inference():
                new = generate(loaded, inputs, decoding).tolist()
            scores: Iterable[list[float | None] | None] = (
                score_options(loaded, feeder, inputs, batch) if ranked else repeat(None, len(batch))
            )
            for item, tokens, own_scores in zip(batch, new, scores, strict=True):
                yield _build_prediction(loaded, item, tokens, own_scores)


def _prepare_batches(
    feeder: Feeder, items: Iterable[Item], batch_size: int
) -> Iterator[tuple[list[Item], Inputs]]:
    for batch in split_by_place(items, batch_size):
        inputs = feeder.batch(batch)
        feeder.count_image_tokens(inputs)
        yield batch, inputs


def _build_prediction(
    loaded: LoadedModel, item: Item, tokens: list[int], scores: list[float | None] | None
) -> Prediction:
    own = _cut_at_end(tokens, loaded)
    return Prediction(
        id=item.id,
        prediction=loaded.tokenizer.decode(own, skip_special_tokens=True).strip(),
        prompt=item.prompt.text,
        text_tokens=item.prompt.tokens,
        generated_tokens=len(own),
        truncated=item.prompt.truncated,
        option_scores=scores,
    )


def _cut_at_end(tokens: list[int], loaded: LoadedModel) -> list[int]:
    """Return an answer's tokens up to its end; what follows pads it to the batch's longest."""
    for position, token in enumerate(tokens):
        if token in loaded.eos_token_ids:
            return tokens[:position]
    return tokens


def image_changes_logits(loaded: LoadedModel, feeder: Feeder, item: Item) -> bool:
    """Say whether another image under the same prompt gives other logits.

    It is the one sign that the picture reaches the words: without image tokens a forward runs
    without complaint and without the image.
    """
    # The negative differs from the image wherever the image is not a flat grey.
    batches = [feeder.batch([item]), feeder.batch([replace(item, image=invert_image(item))])]
    with loaded.inference():
        first, second = (loaded.model(**inputs).logits.float() for inputs in batches)
    if not bool(torch.isfinite(first).all()):
        raise ValueError("the logits are not finite: the model's numbers overflow in this dtype")
    return not torch.equal(first, second)


T = TypeVar("T")


@contextmanager
def prefetch(source: Iterator[T]) -> Iterator[Iterator[T]]:
    """Yield an iterator over `source` whose next item a thread prepares in advance.

    At most one item waits. What `source` raises is raised in the place of its item. When the block
    ends, by an exception too, the thread has ended.
    """
    end = object()
    with ThreadPoolExecutor(1, "prepare") as pool:

        def iterate() -> Iterator[T]:
            upcoming = pool.submit(next, source, end)
            while (item := upcoming.result()) is not end:
                upcoming = pool.submit(next, source, end)
                yield item  # type: ignore[misc]

        yield iterate()
