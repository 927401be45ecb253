"""Bringing images to one size beside the plain loop that one would write with Pillow."""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from comparison import Comparison
from PIL import Image

from vlmeter.data.job import DataSource, Sampling
from vlmeter.data.manifests import SamplesManifest
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.data.samples import SAMPLES
from vlmeter.storage.files import file_sha256, write_json
from vlmeter.storage.parquet import stream_table, write_table

PHOTOS = 48
WIDTH, HEIGHT, SIZE = 1280, 960, 448
TURNS = 3
LIMIT = 0.75
"""Ours over the loop's, on two cores or more; half would be two cores without any loss."""


def preprocessing(device: str) -> Iterator[Comparison]:
    """Both read the same table and write PNG of the same size and compression."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = _samples(folder)

        def ours() -> None:
            images = folder / "images.parquet"
            preprocess_images(samples, SIZE, images, images.with_suffix(".json"))

        def loop() -> None:
            for row in stream_table(samples.with_suffix(".parquet"), ["image"]):
                image = Image.open(io.BytesIO(row["image"])).convert("RGB")
                small = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
                small.save(folder / "image.png", compress_level=1)

        taken: dict[Callable[[], None], list[float]] = {ours: [], loop: []}
        for _ in range(TURNS):
            for work, times in taken.items():
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
        ours_s, loop_s = (statistics.median(times) for times in taken.values())
    yield Comparison(
        "images to one size / plain loop", ours_s, loop_s, "s", LIMIT - 1.0, at_most=True
    )


def _samples(folder: Path) -> Path:
    """Write a data set of JPEG photographs, as the workflow stores one; return its manifest."""
    chance = np.random.default_rng(0)
    rows = []
    for number in range(PHOTOS):
        coarse = Image.fromarray(chance.integers(0, 255, (HEIGHT // 16, WIDTH // 16, 3), np.uint8))
        out = io.BytesIO()
        coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        empty = dict.fromkeys(SAMPLES.names)
        rows.append({**empty, "id": f"s{number}", "image": out.getvalue()})
    table = folder / "samples.parquet"
    write_table(table, rows, SAMPLES)
    described = SamplesManifest(
        dataset="photos",
        task="caption",
        source=DataSource(),
        revision=None,
        licence=None,
        content=None,
        sample=Sampling(PHOTOS, seed=0),
        n=PHOTOS,
        bad_samples=[],
        sha256=file_sha256(table),
    )
    write_json(table.with_suffix(".json"), asdict(described))
    return table.with_suffix(".json")
