"""The parts of a request beside its whole, which is timed without marks.

The demo's model at batch 1 and 16, and the source's architecture at full size with random weights,
over the demo's pictures, whose files are made as large as photographs. Needs 17 GB of free memory
for the full size.
"""

import io
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from center import bound_center
from comparison import Comparison
from full_size import ARCHITECTURE
from PIL import Image

from vlmeter.axes import Axes, Device
from vlmeter.cell.job import CellInputs, CellSetup
from vlmeter.cell.worker.request import measure_requests
from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import Columns, DatasetJob, DataSource, Sampling
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.measure.clock import make_clock
from vlmeter.measure.latency import Timing
from vlmeter.measure.marks.stopwatch import make_stopwatch
from vlmeter.measure.request.result import PARTS
from vlmeter.measure.request.timing import (
    LARGEST_DEVIATION,
    RequestPlan,
    compare_with_wholes,
)
from vlmeter.models.decoding import Decoding
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.optimization import EAGER
from vlmeter.models.prepare_model import prepare_model
from vlmeter.storage.parquet import read_table

DEMO = Path(__file__).parents[1] / "demo"
NEEDED_BYTES = 17 << 30
PHOTO_PX, SIDE_PX, NEW_TOKENS, SAMPLES = (1280, 960), 224, 8, 16


def request(device: Device) -> Iterator[Comparison]:
    """Each pass with marks is held against the wholes that are timed before and after it."""
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = store_images(folder)
        small = ModelJob("demo", "fp32", ModelSource(path=str(DEMO / "model")), "pretrained")
        # For so small a model a second thread is only waited for.
        torch.set_num_threads(1)
        for batch_size, rounds in ((1, 101), (16, 31)):
            yield compare(folder, images, small, device, batch_size, rounds)
        torch.set_num_threads(threads)
        if psutil.virtual_memory().available < NEEDED_BYTES:
            print("request at full size: left out, 17 GB of free memory are needed")
            return
        # In fp32, as processors without bf16 of their own take a minute for a request in that, and
        # few rounds say little where the machine's speed moves.
        large = ModelJob("full", "fp32", ModelSource(path=str(ARCHITECTURE)), "random")
        yield compare(folder, images, large, device, batch_size=1, rounds=24)


def store_images(folder: Path) -> Path:
    """Store the demo's signs as photographs, and bring them to one size; return the manifest."""
    table = folder / "signs.parquet"
    rows = read_table(DEMO / "data/textvqa.parquet")
    for row in rows:
        out = io.BytesIO()
        picture = Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB")
        picture.resize(PHOTO_PX, Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        row["image"] = {"bytes": out.getvalue(), "path": None}
    pq.write_table(pa.Table.from_pylist(rows), table)
    samples = folder / "data/signs/samples.parquet"
    job = DatasetJob(
        dataset="signs",
        task="vqa",
        source=DataSource(path=str(table)),
        columns=Columns("image", id="question_id", question="question", references="answers"),
        sample=Sampling(SAMPLES, seed=0),
    )
    download_dataset(job, samples, samples.with_suffix(".json"))
    images = samples.parent / f"img{SIDE_PX}/images.json"
    preprocess_images(samples.with_suffix(".json"), SIDE_PX, images.with_suffix(".parquet"), images)
    return images


def compare(
    folder: Path, images: Path, model: ModelJob, device: Device, batch_size: int, rounds: int
) -> Comparison:
    """Time the requests of a model; return the sum of their parts beside the whole."""
    manifest = folder / f"models/{model.model}.json"
    if not manifest.exists():
        prepare_model(model, manifest)
    cell = make_cell(model, device, batch_size)
    workload = prepare_workload(cell, CellInputs(images=images, model=manifest), most_batches=1)
    timed, times = measure_requests(
        workload,
        make_clock(device),
        make_stopwatch(device),
        RequestPlan(rounds, budget_s=3600.0),
        NEW_TOKENS,
        gpus=0 if device == "cpu" else 1,
        ranks_options=False,
    )
    seconds = {part.name: part.seconds or 0.0 for part in timed.parts}
    shares = [f"{name} {seconds[name] / timed.request_s:.1%}" for name in PARTS]
    ratio = bound_center(compare_with_wholes(sum_parts(times), timed.rounds_s))
    print(
        f"{model.model}, batch {batch_size}: {', '.join(shares)}; all {ratio.value - 1:+.1%} of "
        f"the whole ({ratio.low - 1:+.1%} to {ratio.high - 1:+.1%}, {rounds} rounds)"
    )
    return Comparison(
        f"request in parts / whole, {model.model} b{batch_size}",
        timed.request_s * ratio.value,
        timed.request_s,
        "s",
        LARGEST_DEVIATION,
    )


def sum_parts(times: Iterable[Timing]) -> list[float]:
    """Return the time of all parts of each pass."""
    sums_s: dict[int, float] = defaultdict(float)
    for timing in times:
        if timing.kind != "request":
            sums_s[timing.round] += timing.seconds
    return [sums_s[place] for place in sorted(sums_s)]


def make_cell(model: ModelJob, device: Device, batch_size: int) -> CellSetup:
    """Return the cell of a model at a batch size."""
    axes = Axes(
        model=model.model,
        prompt="bare",
        device=device,
        dtype="fp32",
        image_size=SIDE_PX,
        image_input="processor",
        max_image_tokens=0,
        batch_size=batch_size,
        max_input_len=60,
        optimization="eager",
        new_tokens=NEW_TOKENS,
    )
    return CellSetup(
        id="signs",
        dataset="signs",
        axes=axes,
        gpus=0 if device == "cpu" else 1,
        optimization=EAGER,
        task="vqa",
        template="{question}",
        decoding=Decoding(
            max_new_tokens=NEW_TOKENS,
            num_beams=1,
            length_penalty=1.0,
            min_new_tokens=0,
            repetition_penalty=1.0,
            by_model=False,
        ),
        seed=0,
        cpu_threads=None,
    )
