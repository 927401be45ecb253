"""The other side: optimum-benchmark in its own environment, and a plain loop there."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from commands import ATTENTION, DEMO, IMAGE_SIZE, NEW_TOKENS, THREADS, Took, run


class Peer:
    """optimum-benchmark's side: its command in its own environment."""

    def __init__(
        self,
        folder: Path,
        programs: Path,
        iterations: int,
        shapes: Mapping[str, Any],
        *tracked: str,
        batch_sizes: Sequence[int] = (),
    ) -> None:
        """Write its config.

        Args:
            folder: For its config and results.
            programs: Where `optimum-benchmark` lies.
            iterations: As many as VLMeter's.
            shapes: The `input` block of VLMeter's measurement.
            tracked: What it measures beside latency: `memory`, `energy`.
            batch_sizes: One after the other by one command, in the place of the shapes' own.
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
            "hydra": {
                **{"run": {"dir": "."}, "output_subdir": None},
                # It writes where it works.
                **{"sweep": {"dir": "sweep", "subdir": "${hydra.job.num}"}},
                **{"job": {"chdir": True}},
            },
            "backend": {
                "model": str(DEMO / "model"),
                # Given, since it would ask the Hub for them.
                **{"library": "transformers", "task": "image-text-to-text", "model_type": "blip-2"},
                **{"device": "cpu", "torch_dtype": "float32", "attn_implementation": ATTENTION},
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
        if batch_sizes:
            sizes = ",".join(map(str, batch_sizes))
            self._command += ["--multirun", f"scenario.input_shapes.batch_size={sizes}"]
        self._reports = len(batch_sizes) or 1

    def measure(self) -> Took:
        """Run it anew."""
        (self._folder / "benchmark_report.json").unlink(missing_ok=True)
        shutil.rmtree(self._folder / "sweep", ignore_errors=True)
        took = run(self._command, self._folder, self._folder / "log")
        reports = list(self._folder.rglob("benchmark_report.json"))
        if len(reports) != self._reports:
            sys.exit(f"optimum-benchmark left {len(reports)} of {self._reports} reports")
        return took

    def read_report(self) -> dict[str, Any]:
        """Return its report."""
        report: dict[str, Any] = json.loads((self._folder / "benchmark_report.json").read_text())
        return report


def plain_loop(
    folder: Path, programs: Path, iterations: int, shapes: Mapping[str, Any]
) -> dict[str, float]:
    """Return the medians of a plain loop in an environment, in seconds.

    Args:
        folder: For its log.
        programs: Where the environment's Python lies.
        iterations: As many as VLMeter's.
        shapes: The `input` block of VLMeter's measurement.
    """
    sizes = shapes["batch_samples"], shapes["sequence_length"], IMAGE_SIZE, NEW_TOKENS, iterations
    log = folder / "plain"
    script = [str(programs / "python"), str(Path(__file__).with_name("plain.py"))]
    run([*script, str(DEMO / "model"), ATTENTION, *map(str, sizes)], folder, log)
    medians: dict[str, float] = json.loads(log.read_text().splitlines()[-1])
    return medians
