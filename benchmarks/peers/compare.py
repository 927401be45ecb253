"""One cell of VLMeter beside optimum-benchmark on the same weights and shapes.

Wall time from the start of each tool's process to its results on disk, and the latencies that both
tell, beside those of a plain loop. README.md here says what is the same and what is not.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "demo"
LIMIT = 1 / 3
"""A cell's wall time as a share of the peer's, at most."""
BATCH_SIZE, IMAGE_SIZE, NEW_TOKENS, THREADS = 4, 224, 8, 1
CELL = f"tiny-bs{BATCH_SIZE}-img{IMAGE_SIZE}-len200-fp32-eager-cpu"
MEASUREMENT = f"results/peers/cells/textvqa/{CELL}/measurement.json"
WITHOUT_NETWORK = ("unshare", "--map-root-user", "--net")


@dataclass(frozen=True)
class Took:
    """What a command took, its own processes included."""

    wall_s: float
    cpu_s: float


def run(command: Sequence[str], folder: Path, log: Path) -> Took:
    """Run a command; where it fails, show what it printed and end."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(THREADS),
        # Of its own: another study on this machine would be waited for, which the peer does not.
        "VLMETER_LOCK_DIR": str(folder),
    }
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with log.open("w") as file:
        done = subprocess.run(
            [*network_free(), *command],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()}")
    return Took(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def network_free() -> tuple[str, ...]:
    """What keeps a command off the network, where this machine has it.

    optimum-benchmark's codecarbon asks two services where the machine stands: waiting for their
    answers would count against it.
    """
    try:
        done = subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False)
    except OSError:
        return ()
    return () if done.returncode else WITHOUT_NETWORK


def study(iterations: int) -> dict[str, Any]:
    """A study of one cell, whose windows are as short as its iterations allow."""
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
                "sample": {"n": 4 * BATCH_SIZE, "seed": 0},
                "prompts": {"bare": "{question}"},
                "max_new_tokens": NEW_TOKENS,
            }
        },
        "base": {
            "model": "tiny",
            "device": "cpu",
            "dtype": "fp32",
            "image_size": IMAGE_SIZE,
            "batch_size": BATCH_SIZE,
            "max_input_len": 200,
        },
        "sections": [
            {"name": "one", "datasets": ["textvqa"], "vary": {"batch_size": [BATCH_SIZE]}}
        ],
        "measure": {
            "window_s": 0.001,
            "min_iterations": iterations,
            "repeats": iterations,
            "batches": 1,
            "new_tokens": NEW_TOKENS,
            "cpu_threads": THREADS,
            # Shorter, and the energy would be "not measured".
            "energy": {"window_s": 1.0, "min_window_s": 1.0},
        },
    }


class Workflow:
    """VLMeter's side: the workflow's own job for one cell."""

    def __init__(self, folder: Path, iterations: int) -> None:
        """Prepare what the cell's job reads: samples, images, weights, the machine."""
        self._folder = folder
        folder.mkdir()
        config = folder / "study.yaml"
        config.write_text(yaml.safe_dump(study(iterations)))
        self._command = [
            *(sys.executable, "-m", "snakemake", MEASUREMENT, "--cores", "1"),
            *("--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)),
            *("--configfile", str(config)),
        ]
        self._log = folder / "log"
        self.measure()

    def measure(self) -> tuple[Took, float]:
        """Measure the cell anew; return what all of it took, and the seconds of its job alone."""
        shutil.rmtree(self._folder / "results/peers/cells", ignore_errors=True)
        took = run(self._command, self._folder, self._log)
        return took, self._job_s()

    def _job_s(self) -> float:
        """From the job's start to its outputs on disk, as Snakemake notes it."""
        notes = [
            json.loads(path.read_text())
            for path in (self._folder / ".snakemake/metadata").iterdir()
            if path.is_file()
        ]
        own = [note for note in notes if note.get("rule") == "run_inference"]
        return float(max(note["endtime"] for note in own) - min(note["starttime"] for note in own))

    def told(self) -> dict[str, Any]:
        """The cell's measurement."""
        told: dict[str, Any] = json.loads((self._folder / MEASUREMENT).read_text())
        if told["status"] != "ok":
            sys.exit(f"the cell ended as {told['status']}: {told['reason']}")
        return told


class Peer:
    """optimum-benchmark's side: its command in its own environment."""

    def __init__(
        self,
        folder: Path,
        programs: Path,
        iterations: int,
        shapes: Mapping[str, Any],
        *tracked: str,
    ) -> None:
        """Write its config.

        Args:
            folder: For its config and results.
            programs: Where `optimum-benchmark` lies.
            iterations: As many as VLMeter's.
            shapes: The `input` block of VLMeter's measurement.
            tracked: What it measures beside latency: `memory`, `energy`.
        """
        self._folder = folder
        folder.mkdir()
        model = json.loads((DEMO / "model" / "config.json").read_text())
        axes = ("num_channels", "height", "width")
        config = {
            "defaults": [
                "benchmark",
                {"launcher": "process"},
                {"scenario": "inference"},
                {"backend": "pytorch"},
                "_self_",
            ],
            "name": "peers",
            "hydra": {"run": {"dir": "."}, "output_subdir": None},
            "backend": {
                "model": str(DEMO / "model"),
                # Told, since it would ask the Hub for them.
                **{"library": "transformers", "task": "image-text-to-text", "model_type": "blip-2"},
                **{"device": "cpu", "torch_dtype": "float32", "attn_implementation": "eager"},
                # Both: version 0.6 sets each in the other's place.
                **{"inter_op_num_threads": THREADS, "intra_op_num_threads": THREADS},
            },
            "scenario": {
                **{"iterations": iterations, "duration": 0, "latency": True},
                **dict.fromkeys(tracked, True),
                "input_shapes": {
                    "batch_size": shapes["batch_samples"],
                    "sequence_length": shapes["sequence_length"],
                    "vocab_size": model["text_config"]["vocab_size"],
                    **dict(zip(axes, shapes["pixel_shape"], strict=True)),
                },
                "generate_kwargs": {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS},
            },
        }
        (folder / "peers.yaml").write_text(yaml.safe_dump(config))
        self._command = [
            str(programs / "optimum-benchmark"),
            *("--config-dir", str(folder), "--config-name", "peers"),
        ]

    def measure(self) -> Took:
        """Run it anew."""
        (self._folder / "benchmark_report.json").unlink(missing_ok=True)
        return run(self._command, self._folder, self._folder / "log")

    def told(self) -> dict[str, Any]:
        """Its report."""
        told: dict[str, Any] = json.loads((self._folder / "benchmark_report.json").read_text())
        return told


def plain_loop(
    folder: Path, programs: Path, iterations: int, shapes: Mapping[str, Any]
) -> dict[str, float]:
    """The medians of a plain loop in the peer's environment, in seconds."""
    sizes = shapes["batch_samples"], shapes["sequence_length"], IMAGE_SIZE, NEW_TOKENS, iterations
    log = folder / "plain"
    script = Path(__file__).with_name("plain.py")
    run([str(programs / "python"), str(script), str(DEMO / "model"), *map(str, sizes)], folder, log)
    told: dict[str, float] = json.loads(log.read_text().splitlines()[-1])
    return told


def row(what: str, unit: str, *figures: float | None) -> str:
    """A line of a Markdown table: VLMeter's figure, the peer's, their ratio, the plain loop's."""
    ours, theirs, *plain = figures
    ratio = f"{ours / theirs:.2f}" if ours and theirs else "–"
    shown = ["–" if value is None else f"{value:.3g} {unit}" for value in (ours, theirs, *plain)]
    return f"| {' | '.join([what, *shown[:2], ratio, *shown[2:]])} |"


def print_latencies(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], plain: Mapping[str, float]
) -> None:
    """Print the medians in milliseconds."""
    further = NEW_TOKENS - 1
    generation = ours["generation"]
    first, decode, whole = (
        theirs[name]["latency"]["p50"] * 1e3 for name in ("prefill", "decode", "generate")
    )
    loop = {name: seconds * 1e3 for name, seconds in plain.items()}
    told = {
        name: None if generation[f"{name}_s"] is None else generation[f"{name}_s"] * 1e3
        for name in ("time_to_first_token", "time_per_output_token", "generation")
    }
    per_token = (loop["all"] - loop["first"]) / further
    print("| | VLMeter | optimum-benchmark | ratio | plain loop |\n|---|---|---|---|---|")
    print(
        row("forward pass", "ms", ours["latency_detail"]["latency_s"] * 1e3, None, loop["forward"]),
        row("first token", "ms", told["time_to_first_token"], first, loop["first"]),
        row("each further", "ms", told["time_per_output_token"], decode / further, per_token),
        row(f"all {NEW_TOKENS} tokens", "ms", told["generation"], whole, loop["all"]),
        sep="\n",
    )


def compare(folder: Path, programs: Path, iterations: int, turns: int) -> int:
    """Let both measure in turn and print the tables; return 1 where VLMeter takes too long."""
    workflow = Workflow(folder / "vlmeter", iterations)
    shapes = workflow.told()["input"]
    peers = {
        " and ".join(("latency", *tracked)): Peer(
            folder / "-".join(("peer", *tracked)), programs, iterations, shapes, *tracked
        )
        for tracked in ((), ("energy",), ("memory", "energy"))
    }
    runs = [
        (workflow.measure(), {name: peer.measure() for name, peer in peers.items()})
        for _ in range(turns)
    ]
    wall_s = statistics.median(took.wall_s for (took, _), _ in runs)
    job_s = statistics.median(job for (_, job), _ in runs)
    cpu_s = statistics.median(took.cpu_s for (took, _), _ in runs)
    print(
        f"Batch {shapes['batch_samples']}, {shapes['sequence_length']} positions, {NEW_TOKENS} new"
        f" tokens, {iterations} iterations; medians of {turns} runs each, in turn.\n\n"
        "| | VLMeter | optimum-benchmark | ratio |\n|---|---|---|---|"
    )
    for name in peers:
        theirs = statistics.median(took[name].wall_s for _, took in runs)
        print(row(f"wall time, the peer's for {name}", "s", wall_s, theirs))
    print(row("– the cell's job, without Snakemake's start", "s", job_s, theirs))
    their_cpu_s = statistics.median(took[name].cpu_s for _, took in runs)
    print(row("– processor time", "s", cpu_s, their_cpu_s), end="\n\n")
    plain = plain_loop(folder, programs, iterations, shapes)
    print_latencies(workflow.told(), peers[name].told(), plain)
    if wall_s > LIMIT * theirs:
        print(f"FAILED: a cell takes more than {LIMIT:.2f} of the peer's wall time")
    return int(wall_s > LIMIT * theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=Path, help="folder of the peer's programs")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3, help="runs of each, in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return compare(Path(name), options.programs.absolute(), options.iterations, options.turns)


if __name__ == "__main__":
    sys.exit(main())
