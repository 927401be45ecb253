"""VLMeter's side: a study of one cell, or of several batch sizes."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from commands import ATTENTION, BATCH_SIZE, DEMO, IMAGE_SIZE, NEW_TOKENS, THREADS, Took, run

REPOSITORY = Path(__file__).parents[2]


def study(iterations: int, batch_sizes: Sequence[int], samples: int) -> dict[str, Any]:
    """A study of a cell per batch size, whose windows are as short as its iterations allow."""
    return {
        "study": "peers",
        "models": {"tiny": {"source": {"path": str(DEMO / "model")}}},
        "datasets": {
            "textvqa": {
                "task": "vqa",
                "source": {"path": str(DEMO / "data" / "textvqa.parquet")},
                "columns": {
                    "id": "question_id",
                    "image": "image",
                    "question": "question",
                    "references": "answers",
                },
                "sample": {"n": samples, "seed": 0},
                "prompts": {"bare": "{question}"},
                "max_new_tokens": NEW_TOKENS,
            }
        },
        "base": {
            "model": "tiny",
            "device": "cpu",
            "dtype": "fp32",
            "image_size": IMAGE_SIZE,
            "batch_size": batch_sizes[0],
            "max_input_len": 200,
            "new_tokens": NEW_TOKENS,
            "optimization": ATTENTION,
        },
        "sections": [
            {"name": "sweep", "datasets": ["textvqa"], "vary": {"batch_size": [*batch_sizes]}}
        ],
        "measure": {
            "window_s": 0.001,
            "min_iterations": iterations,
            "repeats": iterations,
            "batches": 1,
            "cpu_threads": THREADS,
            # From the image's file to words; no peer times them.
            "request": False,
            # As many iterations as the peer's. Any other study says "not measured" of so short a
            # window.
            "energy": {"window_s": 0.001, "min_window_s": 0.001},
        },
    }


class Workflow:
    """VLMeter's side: the workflow's own jobs for its cells."""

    def __init__(
        self,
        folder: Path,
        iterations: int,
        batch_sizes: Sequence[int] = (BATCH_SIZE,),
        samples: int = 4 * BATCH_SIZE,
    ) -> None:
        """Prepare what the cells' jobs read: samples, images, weights, the machine."""
        self._folder = folder
        self._cells = [
            Path("results/peers/cells/textvqa")
            / f"tiny-bs{size}-img{IMAGE_SIZE}-len200-fp32-{ATTENTION}-cpu"
            for size in batch_sizes
        ]
        folder.mkdir()
        config = folder / "study.yaml"
        config.write_text(yaml.safe_dump(study(iterations, batch_sizes, samples)))
        self._command = [
            *(sys.executable, "-m", "snakemake"),
            *(str(cell / "measurement.json") for cell in self._cells),
            *("--cores", "1"),
            *("--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)),
            *("--configfile", str(config)),
        ]
        self._log = folder / "log"
        self.measure()

    def measure(self) -> tuple[Took, float]:
        """Measure the cells anew; return what all of it took, and the seconds of their jobs."""
        shutil.rmtree(self._folder / "results/peers/cells", ignore_errors=True)
        took = run(self._command, self._folder, self._log)
        for cell in self._cells:
            self._read_measurement(cell)
        return took, self._jobs_s()

    def _jobs_s(self) -> float:
        """From the first job's start to the last outputs on disk, as Snakemake notes it."""
        notes = [
            json.loads(path.read_text())
            for path in (self._folder / ".snakemake/metadata").iterdir()
            if path.is_file()
        ]
        own = [note for note in notes if note.get("rule") == "run_inference"]
        return float(max(note["endtime"] for note in own) - min(note["starttime"] for note in own))

    def read_measurement(self) -> dict[str, Any]:
        """Return the first cell's measurement."""
        return self._read_measurement(self._cells[0])

    def _read_measurement(self, cell: Path) -> dict[str, Any]:
        measurement: dict[str, Any] = json.loads(
            (self._folder / cell / "measurement.json").read_text()
        )
        if measurement["status"] != "ok":
            sys.exit(f"the cell ended as {measurement['status']}: {measurement['reason']}")
        return measurement

    def read_answers(self) -> list[str]:
        """Return the first cell's answers, in the order of the data set."""
        table = pq.read_table(self._folder / self._cells[0] / "predictions.parquet")
        return [str(answer) for answer in table.column("prediction").to_pylist()]
