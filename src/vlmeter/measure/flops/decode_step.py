"""What a language model is given to decode one token after a prompt that need not be run.

Counts depend on shapes alone. A single position is run for real, which gives the cache its
structure; its keys and values are then repeated (as views) to the prompt's length.
"""

from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput


def make_decode_inputs(
    decoder: Any,  # noqa: ANN401 - any transformers model
    batch_size: int,
    prompt_tokens: int,
    decoded_tokens: int = 0,
) -> dict[str, object]:
    """Return the keyword arguments of one decode step.

    Args:
        decoder: From token ids to logits, with a key-value cache.
        batch_size: Samples, each of which gets one new token.
        prompt_tokens: Positions of the prompt, image positions included.
        decoded_tokens: Tokens decoded and cached before the step.

    Returns:
        For a decoder, one token over a cache of prompt and decoded tokens. For an
        encoder-decoder, one token over the decoder's start and the decoded tokens, and over the
        encoder's answer to a prompt of this length.
    """
    if getattr(getattr(decoder, "config", None), "is_encoder_decoder", False):
        return _after_encoder(decoder, batch_size, prompt_tokens, 1 + decoded_tokens)
    token = _tokens(decoder, batch_size)
    cache = decoder(input_ids=token, use_cache=True).past_key_values
    cached_tokens = prompt_tokens + decoded_tokens
    _lengthen(cache, cached_tokens)
    return {
        "input_ids": token,
        "attention_mask": token.new_ones((batch_size, cached_tokens + 1)),
        "past_key_values": cache,
        "use_cache": True,
    }


def _after_encoder(
    decoder: Any,  # noqa: ANN401
    batch_size: int,
    prompt_tokens: int,
    cached_tokens: int,
) -> dict[str, object]:
    token = _tokens(decoder, batch_size)
    width = decoder.get_input_embeddings().weight
    state = width.new_zeros((batch_size, 1, width.shape[1]))
    position = BaseModelOutput(last_hidden_state=state)
    cache = decoder(
        encoder_outputs=position, decoder_input_ids=token, use_cache=True
    ).past_key_values
    _lengthen(cache.self_attention_cache, cached_tokens)
    _lengthen(cache.cross_attention_cache, prompt_tokens)
    # Nothing of the prompt but its length is read: its keys and values lie in the cache.
    prompt = BaseModelOutput(last_hidden_state=state.expand(-1, prompt_tokens, -1))
    return {
        "encoder_outputs": prompt,
        "attention_mask": token.new_ones((batch_size, prompt_tokens)),
        "decoder_input_ids": token,
        "past_key_values": cache,
        "use_cache": True,
    }


def _tokens(decoder: Any, batch_size: int) -> torch.Tensor:  # noqa: ANN401
    device = next(decoder.parameters()).device
    return torch.ones((batch_size, 1), dtype=torch.long, device=device)


def _lengthen(cache: Any, tokens: int) -> None:  # noqa: ANN401
    for layer in cache.layers:
        kept = tokens
        if getattr(layer, "is_sliding", False):
            # Such a layer keeps its window alone, and counts what went through it.
            kept = min(tokens, layer.sliding_window - 1)
            layer.cumulative_length = tokens
        layer.keys = layer.keys.expand(-1, -1, kept, -1)
        layer.values = layer.values.expand(-1, -1, kept, -1)
