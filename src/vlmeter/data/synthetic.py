"""A data set without data: random images, and prompts of an exact number of text tokens."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from vlmeter.data.rowgroups import Row
from vlmeter.data.words import COMMON


def synthetic_rows(source: Mapping[str, Any], n: int, seed: int) -> Iterator[Row]:
    """Yield `n` rows as a data set on disk would give them.

    Args:
        source: `text_tokens` of every prompt, a start token counted as one of them, and
            `image_size` in pixels a side.
        n: How many.
        seed: Of images and words.
    """
    side = source["image_size"]
    for number in range(n):
        random = np.random.default_rng([seed, number])
        pixels = random.integers(0, 256, (side // 8 or 1, side // 8 or 1, 3), dtype=np.uint8)
        # Blocks of 8 pixels: noise at every pixel would vanish in resizing and fill the disk.
        image = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        file = io.BytesIO()
        image.save(file, format="PNG")
        words = random.choice(COMMON, size=source["text_tokens"] - 1)
        values = {
            "id": f"synthetic-{number}",
            "image": file.getvalue(),
            "question": " ".join(words),
            "answer": ["nothing"],
        }
        yield Row(number, values, table="synthetic")
