"""A plain loop around the same model in the environment of either tool: neither measures here.

Prints the medians in seconds as JSON: of a forward pass, of generating one token, and of all.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
import transformers
from transformers import AutoModelForImageTextToText, Blip2Config

WARMUP = 5


def median_s(call: Callable[[], object], iterations: int) -> float:
    for _ in range(WARMUP):
        call()
    seconds = []
    for _ in range(iterations):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main(
    folder: str, attention: str, batch: int, positions: int, size: int, new_tokens: int, rounds: int
) -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    config = Blip2Config.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=attention
    ).eval()
    ids = torch.randint(
        config.image_token_index + 1, config.text_config.vocab_size, (batch, positions)
    )
    ids[:, : config.num_query_tokens] = config.image_token_index
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.rand(batch, 3, size, size),
    }

    def generate(count: int) -> object:
        return model.generate(**inputs, max_new_tokens=count, min_new_tokens=count)

    with torch.inference_mode():
        took = {
            "forward": median_s(lambda: model(**inputs, use_cache=False), rounds),
            "first": median_s(lambda: generate(1), rounds),
            "all": median_s(lambda: generate(new_tokens), rounds),
        }
    print(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
