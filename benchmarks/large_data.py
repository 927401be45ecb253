"""How much memory each step of a data set takes, of a small and of a large one.

`python benchmarks/large_data.py [samples]`, 20,000 without a number, on the CPU: makes up a table
of small images in one row group, as pandas would write it, and runs each step of a cell over it in
a process of its own, with a BLIP-2 of a few thousand weights. Fails where a step's peak grows by
more than `BOUND` against that of 300 samples.
"""

# ruff: noqa: PLC0415 - a step imports what it needs itself: its memory is looked at.

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vlmeter.cell.job import CellJob

FEW, MANY = 300, 20_000
BOUND = 1.6
SIDE_PX = 28
ANSWERS = 10
WORDS = ("what", "is", "the", "colour", "of", "this", "sign", "red", "blue", "one", "two")
TASK = "vqa"


@dataclass(frozen=True)
class Took:
    """What a step took."""

    peak_bytes: int
    """Largest resident memory of its process."""
    seconds: float


def make_table(folder: Path, samples: int) -> None:
    """Write a table of pictures, questions and answers, and a tiny model beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    random = np.random.default_rng(0)

    def picture() -> bytes:
        pixels = random.integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, format="PNG")
        return out.getvalue()

    columns = {
        "id": [f"sample-{number}" for number in range(samples)],
        "image": [picture() for _ in range(samples)],
        "question": [" ".join(random.choice(WORDS, 12)) for _ in range(samples)],
        "answers": [list(random.choice(WORDS, ANSWERS)) for _ in range(samples)],
    }
    (folder / "source").mkdir()
    pq.write_table(pa.table(columns), folder / "source/table.parquet")
    make_model(folder / "model")


def make_model(folder: Path) -> None:
    """Write a checkpoint of the demo's kind, as small as it can be."""
    import torch
    from transformers import AutoConfig, Blip2ForConditionalGeneration

    shutil.copytree(Path(__file__).parents[1] / "demo/model", folder)
    config = AutoConfig.from_pretrained(folder)
    for part in (config.vision_config, config.qformer_config, config.text_config):
        part.hidden_size, part.num_hidden_layers, part.num_attention_heads = 24, 1, 1
    config.vision_config.image_size = SIDE_PX
    config.qformer_config.encoder_hidden_size = config.text_config.word_embed_proj_dim = 24
    torch.manual_seed(0)
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    processor_config = json.loads((folder / "processor_config.json").read_text())
    processor_config["image_processor"]["size"] = {"height": SIDE_PX, "width": SIDE_PX}
    (folder / "processor_config.json").write_text(json.dumps(processor_config))


def download(folder: Path, samples: int) -> None:
    """Read the sample from the table."""
    from vlmeter.data.download_dataset import download_dataset
    from vlmeter.data.job import Columns, DatasetJob, DataSource, Sampling

    job = DatasetJob(
        dataset="photos",
        task=TASK,
        source=DataSource(path=str(folder / "source")),
        columns=Columns("image", id="id", question="question", references="answers"),
        sample=Sampling(samples, seed=0),
    )
    download_dataset(job, folder / "samples.parquet", folder / "samples.json")


def preprocess(folder: Path, _samples: int) -> None:
    """Bring the images to one size."""
    from vlmeter.data.preprocess_images import preprocess_images

    images = (folder / f"img/images.{end}" for end in ("parquet", "json"))
    preprocess_images(folder / "samples.json", SIDE_PX, *images)


def prepare_cell(folder: Path, _samples: int) -> None:
    """Describe the machine and store the model: of no interest here."""
    from vlmeter.machine.job import MachineJob
    from vlmeter.machine.measure_machine import measure_machine
    from vlmeter.models.job import ModelJob, ModelSource
    from vlmeter.models.prepare_model import prepare_model

    machine = MachineJob(make_job().measure.energy, idle_window_s=0.1, cpu_threads=1, peaks=[])
    measure_machine(machine, folder / "machine.json")
    job = ModelJob("tiny", "fp32", ModelSource(path=str(folder / "model")), "pretrained")
    prepare_model(job, folder / "stored/tiny.json")


def measure(folder: Path, _samples: int) -> None:
    """Measure a cell, answers and costs."""
    from vlmeter.cell.job import CellInputs, JobAttempt
    from vlmeter.cell.measurement import read_measurement
    from vlmeter.cell.run_inference import CellOutputs, run_inference

    outputs = CellOutputs(
        measurement=folder / "measurement.json",
        timings=folder / "timings.parquet",
        predictions=folder / "predictions.parquet",
    )
    run_inference(
        make_job(),
        JobAttempt(count=1, key="", note=str(folder / "note.json")),
        CellInputs(images=folder / "img/images.json", model=folder / "stored/tiny.json"),
        folder / "machine.json",
        outputs,
        timeout_s=7200,
    )
    ending = read_measurement(outputs.measurement).ending
    if ending.status != "ok":
        sys.exit(ending.traceback or ending.reason)


def make_job() -> "CellJob":
    """Return the job of a cell: one new token, large batches."""
    from vlmeter.axes import Axes
    from vlmeter.cell.job import CellJob, CellSetup
    from vlmeter.config.dataset import GenerationConfig
    from vlmeter.config.schema import MeasureConfig
    from vlmeter.models.decoding import Decoding
    from vlmeter.models.optimization import EAGER
    from vlmeter.study.settings import build_measure_settings

    energy = {"window_s": 0.2, "cpu_power_w": 65.0, "ram_power_w": 5.0}
    measure = MeasureConfig(window_s=0.2, max_warmup_s=0.2, batches=2, energy=energy)
    cell = CellSetup(
        id="tiny",
        dataset="photos",
        axes=Axes(
            model="tiny",
            prompt="bare",
            device="cpu",
            dtype="fp32",
            image_size=SIDE_PX,
            image_input="processor",
            max_image_tokens=0,
            batch_size=128,
            max_input_len=60,
            optimization="eager",
            new_tokens=2,
        ),
        gpus=0,
        optimization=EAGER,
        task=TASK,
        template="{question}",
        decoding=Decoding(max_new_tokens=1, **GenerationConfig().model_dump()),
        seed=0,
        cpu_threads=2,
    )
    settings = build_measure_settings(measure)
    return CellJob(cell=cell, code="", software={}, measure=settings, cost_only=False)


def score(folder: Path, _samples: int) -> None:
    """Score the answers."""
    from vlmeter.metrics.uncertainty import RESAMPLES
    from vlmeter.results.cell import RecordCell
    from vlmeter.results.job import ScoreJob
    from vlmeter.results.score_predictions import score_predictions

    cell = make_job().cell
    record_cell = RecordCell(id=cell.id, dataset=cell.dataset, **vars(cell.axes))
    score_predictions(
        folder / "measurement.json",
        folder / "predictions.parquet",
        folder / "samples.parquet",
        folder / "record.json",
        ScoreJob(record_cell, TASK, seed=0, resamples=RESAMPLES),
    )


STEPS: dict[str, Callable[[Path, int], None]] = {
    step.__name__: step for step in (download, preprocess, prepare_cell, measure, score)
}
SHOWN = ("download", "preprocess", "measure", "score")


def run_step(name: str, folder: Path, samples: int) -> Took:
    """Run a step in a new process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--step", name, str(folder), str(samples)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return Took(json.loads(done.stdout.splitlines()[-1]), time.perf_counter() - start)


def step_alone(name: str, folder: Path, samples: int) -> None:
    """Run a step here, and print the largest resident memory of its process, or of its child."""
    STEPS[name](folder, samples)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    # A cell's child is forked from this process: it alone has children.
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if name == "measure" else 0
    print(max(int(own.split()[1]), child) * 1024)


def compare(samples: int) -> bool:
    """Print a row a step; say whether none grew beyond the bound."""
    costs: dict[int, dict[str, Took]] = {}
    for count in (FEW, samples):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_table(folder, count)
            costs[count] = {step: run_step(step, folder, count) for step in STEPS}
    heads = f"{f'{FEW} samples':>14}{f'{samples} samples':>16}"
    print(f"{'peak memory of':14}{heads}{'ratio':>8}{'s':>8}")
    passed = True
    for step in SHOWN:
        few, many = costs[FEW][step], costs[samples][step]
        ratio = many.peak_bytes / few.peak_bytes
        passed &= ratio <= BOUND
        print(
            f"{step:14}{few.peak_bytes / 1e6:11.0f} MB{many.peak_bytes / 1e6:13.0f} MB{ratio:8.2f}"
            f"{many.seconds:8.0f}  {'ok' if ratio <= BOUND else 'FAILED'}"
        )
    return passed


def main() -> int:
    """Compare, or run one step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=int, nargs="?", default=MANY)
    parser.add_argument("--step", nargs=3, metavar=("NAME", "FOLDER", "SAMPLES"))
    asked = parser.parse_args()
    if asked.step:
        step_alone(asked.step[0], Path(asked.step[1]), int(asked.step[2]))
        return 0
    return int(not compare(asked.samples))


if __name__ == "__main__":
    sys.exit(main())
