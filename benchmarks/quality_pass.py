"""The quality pass beside a plain loop: processor and `generate` over the same batches.

The demo's signs and model, on the device, computing on one thread. The plain loop has the pictures
and the cut prompts in memory; the pass cuts its prompts, reads the pictures from disk and writes
its answers there.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from center import bound_center
from comparison import Comparison
from PIL import Image
from transformers import AutoProcessor, Blip2ForConditionalGeneration

from vlmeter.axes import Axes, Device
from vlmeter.cell.job import CellSetup
from vlmeter.cell.worker.answers import write_predictions
from vlmeter.config.dataset import GenerationConfig
from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import Columns, DatasetJob, DataSource, Sampling
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.data.samples import StoredSamples
from vlmeter.models.batches import Feeder
from vlmeter.models.decoding import Decoding
from vlmeter.models.items import Item, split_into_batches
from vlmeter.models.load import load_model
from vlmeter.models.optimization import EAGER
from vlmeter.models.samples import Items
from vlmeter.storage.parquet import read_table

DEMO = Path(__file__).parents[1] / "demo"
TEMPLATE = "Question: {question} Answer:"
SAMPLES, SIDE_PX, NEW_TOKENS = 160, 224, 8
TURNS = 31
"""A turn's ratio varies by a tenth on a shared machine, and the gain at batch 1 is a twentieth."""


@dataclass(frozen=True)
class Setting:
    """What both loops run over."""

    folder: Path
    feeder: Feeder
    loaded: Any
    stored: StoredSamples
    cell: CellSetup

    def items(self) -> Items:
        """Return the samples, their prompts cut anew."""
        return Items(self.stored, self.feeder, lambda _: TEMPLATE)


def quality_pass(device: Device) -> Iterator[Comparison]:
    """Each in turns, so that a drift cancels out; the pass must be at least as fast."""
    # For so small a model a second thread is only waited for, in both loops.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        for batch_size in (1, 16):
            setting = set_up(Path(name), device, batch_size)
            plain = Plain(setting, device)
            ours_s, ratios = [], []
            for _ in range(TURNS):
                theirs_s = plain.seconds()
                ours_s.append(seconds_of_pass(setting))
                ratios.append(ours_s[-1] / theirs_s)
            if plain.answers != [row["prediction"] for row in read_table(answers_of(setting))]:
                raise AssertionError("the two loops do not answer alike")
            ours, ratio = statistics.median(ours_s), bound_center(ratios)
            what = f"quality pass / plain loop, batch {batch_size}"
            print(f"{what}: {ratio.low:.3f} to {ratio.high:.3f}")
            yield Comparison(what, ours, ours / ratio.value, "s", 0.0, at_most=True)
    torch.set_num_threads(threads)


def set_up(folder: Path, device: Device, batch_size: int) -> Setting:
    """Store the demo's signs and load its model."""
    samples, images = folder / "samples.parquet", folder / "img/images.parquet"
    job = DatasetJob(
        dataset="signs",
        task="vqa",
        source=DataSource(path=str(DEMO / "data/textvqa.parquet")),
        columns=Columns("image", id="question_id", question="question", references="answers"),
        sample=Sampling(SAMPLES, seed=0),
    )
    manifest = samples.with_suffix(".json")
    download_dataset(job, samples, manifest)
    preprocess_images(manifest, SIDE_PX, images, images.with_suffix(".json"))
    axes = Axes(
        model="demo",
        prompt="bare",
        device=device,
        dtype="fp32",
        image_size=SIDE_PX,
        image_input="processor",
        max_image_tokens=0,
        batch_size=batch_size,
        max_input_len=60,
        optimization="eager",
        new_tokens=2,
    )
    loaded = load_model(DEMO / "model", axes.device, axes.dtype, random=False, seed=0)
    cell = CellSetup(
        id="signs",
        dataset="signs",
        axes=axes,
        gpus=0,
        optimization=EAGER,
        task="vqa",
        template=TEMPLATE,
        decoding=Decoding(max_new_tokens=NEW_TOKENS, **GenerationConfig().model_dump()),
        seed=0,
        cpu_threads=1,
    )
    feeder = Feeder(loaded, axes.image_input, axes.max_input_len)
    return Setting(folder, feeder, loaded, StoredSamples(samples, images), cell)


def answers_of(setting: Setting) -> Path:
    """The table that the pass writes."""
    return setting.folder / "predictions.parquet"


def seconds_of_pass(setting: Setting) -> float:
    start = time.perf_counter()
    write_predictions(
        answers_of(setting), setting.loaded, setting.feeder, setting.items(), setting.cell
    )
    return time.perf_counter() - start


class Plain:
    """The loop that a user would write with transformers alone."""

    def __init__(self, setting: Setting, device: str) -> None:
        self._processor = AutoProcessor.from_pretrained(DEMO / "model")
        model = Blip2ForConditionalGeneration.from_pretrained(
            DEMO / "model", dtype=torch.float32, attn_implementation="eager"
        )
        self._model = model.eval().to(device)
        self._device = device
        self._batches = list(
            split_into_batches(setting.items().read(), setting.cell.axes.batch_size)
        )
        self.answers: list[str] = []

    def seconds(self) -> float:
        """Answer everything once."""
        start = time.perf_counter()
        self.answers = [text for batch in self._batches for text in self._answers(batch)]
        return time.perf_counter() - start

    def _answers(self, batch: list[Item]) -> list[str]:
        inputs = self._processor(
            images=[Image.open(io.BytesIO(item.image)) for item in batch],
            text=[item.prompt.text for item in batch],
            padding=True,
            return_tensors="pt",
        ).to(self._device)
        with torch.inference_mode():
            tokens = self._model.generate(
                **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, disable_compile=True
            )
        new = tokens[:, inputs["input_ids"].shape[1] :]
        texts = self._processor.batch_decode(new, skip_special_tokens=True)
        return [text.strip() for text in texts]
