"""Synthetic data: random images, and questions with an exact number of text tokens."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from vlmeter.data.job import Synthetic
from vlmeter.data.parquet_files import Row
from vlmeter.data.words import COMMON


def make_synthetic_rows(source: Synthetic, n: int, seed: int) -> Iterator[Row]:
    """Yield `n` rows in the form in which a table is read; `seed` is that of images and words."""
    side = source.image_size
    for number in range(n):
        generator = np.random.default_rng([seed, number])
        pixels = generator.integers(0, 256, (side // 8 or 1, side // 8 or 1, 3), dtype=np.uint8)
        # Blocks of 8 pixels: noise at every pixel would average out in resizing and fill the disk.
        image = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        png = io.BytesIO()
        image.save(png, format="PNG")
        words = generator.choice(COMMON, size=source.text_tokens - 1)
        values = {
            "id": f"synthetic-{number}",
            "image": png.getvalue(),
            "question": " ".join(words),
            "answer": ["nothing"],
        }
        yield Row(number, values, table="synthetic")
