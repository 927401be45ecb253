"""The check's two studies: the demo's tiny model in each number format, and the full-size core."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = REPOSITORY / "config" / "blip2-architecture.yaml"
FULL_SIZE = Path("config/architectures/blip2-opt-2.7b")
TINY = Path("demo/model")
"""Stands in for the full size where the check itself is tried on a CPU."""

_SMOKE: dict[str, Any] = {
    "study": "gpu-check-smoke",
    "models": {"tiny": {"source": {"path": str(TINY)}}},
    "datasets": {
        "textvqa": {
            "task": "vqa",
            "source": {"path": "demo/data/textvqa.parquet"},
            "columns": {
                "id": "question_id",
                "image": "image",
                "question": "question",
                "references": "answers",
            },
            "sample": {"n": 24, "seed": 0},
            "prompts": {"bare": "{question}"},
            "max_new_tokens": 8,
        },
    },
    "base": {"model": "tiny", "prompt": "bare", "batch_size": 4, "new_tokens": 4},
    "measure": {
        "window_s": 0.5,
        "min_iterations": 5,
        "repeats": 2,
        "max_warmup_s": 1.0,
        "batches": 2,
        "timeout_s": 90,
        "max_attempts": 1,
        # A round of 1.2 s holds the ten updates of a GPU's counter that a figure needs.
        "energy": {"window_s": 2.4, "idle_window_s": 2.0},
    },
    "report": {"bootstrap_resamples": 100, "gallery_samples": 2},
}
_CORE_MEASURE: dict[str, Any] = {
    "window_s": 2.0,
    "min_iterations": 10,
    "repeats": 3,
    "max_warmup_s": 4.0,
    "batches": 2,
    "timeout_s": 150,
    "max_attempts": 1,
    "energy": {"window_s": 3.0, "idle_window_s": 3.0},
}
_CPU_MEASURE: dict[str, Any] = {
    "window_s": 0.1,
    "min_iterations": 2,
    "repeats": 2,
    "max_warmup_s": 0.1,
    "cpu_threads": 1,
    "energy": {"window_s": 1.1, "idle_window_s": 1.0},
}
_CORE_BATCHES = {"cuda": [1, 16], "cpu": [1]}
_CORE_SECTIONS = {"cuda": ("batch_size", "optimization", "device"), "cpu": ("batch_size", "device")}
"""What takes longest to compile or to refuse is among the truth checks too."""
_SMOKE_FORMATS = {"cuda": ["fp16", "bf16", "fp32"], "cpu": ["fp32"]}


def smoke_study(device: str) -> dict[str, Any]:
    """Return the study that says within a minute whether cells come through, with answers."""
    formats = _SMOKE_FORMATS[device]
    return {
        **_SMOKE,
        "base": {**_SMOKE["base"], "device": device, "dtype": formats[0]},
        "sections": [
            {"name": "number_format", "datasets": ["textvqa"], "vary": {"dtype": formats}}
        ],
        "measure": _measure(_SMOKE["measure"], device),
    }


def core_study(device: str) -> dict[str, Any]:
    """Return the published study cut down to the cells that no other one could stand for.

    On a CPU the tiny model takes the place of the full size.
    """
    config = yaml.safe_load(PUBLISHED.read_text("utf-8"))
    config["study"] = "gpu-check-core"
    for dataset in config["datasets"].values():
        dataset["sample"] = {"n": 32}
    sections = {section["name"]: section for section in config["sections"]}
    sections["batch_size"]["vary"] = {"batch_size": _CORE_BATCHES[device]}
    # The full-size model on the CPU takes minutes and needs no GPU.
    sections["device"]["vary"] = {"device": [device]}
    config["sections"] = [sections[name] for name in _CORE_SECTIONS[device]]
    grids = [{"vary": {"batch_size": [1]}}]
    config["layers"] = {**config["layers"], "grids": grids, "iterations": 5}
    config["measure"] = _measure(_CORE_MEASURE, device)
    config["report"] |= {"bootstrap_resamples": 100, "gallery_samples": 0}
    if device == "cpu":
        (model,) = config["models"].values()
        model |= {"source": {"path": str(TINY)}, "label": "tiny stand-in (random weights)"}
        config["base"] |= {"device": "cpu", "dtype": "fp32", "new_tokens": 2}
    return config


def _measure(block: Mapping[str, Any], device: str) -> dict[str, Any]:
    return {**block, **(_CPU_MEASURE if device == "cpu" else {})}


def write_study(config: Mapping[str, Any], home: Path) -> Path:
    """Write a study's config into its results, where it is kept with them; return its path."""
    file = results_of(config) / "config.yaml"
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_text(yaml.safe_dump(dict(config), sort_keys=False))
    return file


def results_of(config: Mapping[str, Any]) -> Path:
    """Return the folder of a study's results, relative to the repository."""
    return Path("results") / str(config["study"])
