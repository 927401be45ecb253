"""What a row must say of a cell beside its costs, each value got without the package."""

import hashlib
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import jiwer
import torch

from simulation.cells import (
    BROKEN,
    LICENCE,
    NEW_TOKENS,
    QUESTIONS,
    REVISION,
    SimulatedCell,
    StudyFiles,
)
from simulation.expected import AsJson, about
from simulation.model import COMPILE_S, RECOMPILED_AT
from simulation.reference import IMAGE_TOKENS, ROWS, TEXT_TOKENS, Reference
from vlmeter.models.manifest import read_model_manifest
from vlmeter.storage.parquet import read_table

EAGER = "eager matmul and softmax"
STAGES = ("vision", "qformer", "prefill")


class Holds:
    """A text of JSON that holds these values among others."""

    def __init__(self, **values: object) -> None:
        """Hold these values."""
        self._values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and json.loads(other).items() >= self._values.items()

    __hash__ = None

    def __repr__(self) -> str:
        return f"JSON with {self._values}"


def list_record_truths(
    cell: SimulatedCell, study: StudyFiles, reference: Reference
) -> dict[str, Any]:
    """Return what the columns of the cell, its input, its model and its place must show."""
    return {
        **_list_cell(cell),
        **_list_input(),
        **_list_model(cell, study, reference),
        **_list_compilation(cell),
        **_list_place(cell, study),
    }


def _list_cell(cell: SimulatedCell) -> dict[str, Any]:
    predictions = [row["prediction"] for row in read_table(cell.folder / "predictions.parquet")]
    assert len(predictions) == len(QUESTIONS)
    words = [" ".join(re.findall(r"[a-z]+", text.lower())) for text in predictions]
    return {
        "cell": "c",
        "dataset": "photos",
        "model": "tiny",
        "prompt": "bare",
        "device": "cuda" if cell.machine.settings.shown else "cpu",
        "dtype": "fp32",
        "image_size": 28,
        "image_input": "processor",
        "max_image_tokens": 0,
        "batch_size": ROWS,
        "max_input_len": 20,
        "optimization": cell.job.cell.optimization.name,
        "new_tokens": NEW_TOKENS,
        "status": "ok",
        "reason": None,
        "attempt": 1,
        "wer_value": about(jiwer.wer(["a cat"] * len(predictions), words)),
        "quality_samples": len(QUESTIONS) + 1,
        "scored_samples": len(QUESTIONS),
        "bad_samples": 1,
        "bad_sample_reasons": f"{BROKEN.id}: {BROKEN.reason}",
        **_list_quality(cell),
    }


def _list_quality(cell: SimulatedCell) -> dict[str, Any]:
    """Return what the record says of the metrics, which have tests of their own."""
    quality = json.loads((cell.folder / "record.json").read_text())["quality"]
    metrics = {metric["name"]: metric for metric in quality["metrics"]}
    wer, task = metrics["wer"], metrics["vqa_accuracy"]
    return {
        "wer_low": wer["low"],
        "wer_high": wer["high"],
        "wer_note": wer["note"],
        "task_metric": "vqa_accuracy",
        "task_metric_label": task["label"],
        "task_value": task["value"],
        "task_low": task["low"],
        "task_high": task["high"],
        "task_higher_is_better": True,
        "task_note": task["note"],
        "unparsed_rate": None,
        "metrics": AsJson(quality["metrics"]),
        "quality_definition": quality["definition"],
    }


def _list_input() -> dict[str, Any]:
    return {
        "text_tokens": TEXT_TOKENS,
        "image_tokens": IMAGE_TOKENS,
        "image_tokens_min": IMAGE_TOKENS,
        "image_tokens_mean": float(IMAGE_TOKENS),
        "image_tokens_max": IMAGE_TOKENS,
        "sequence_length": IMAGE_TOKENS + TEXT_TOKENS,
        "pixel_shape": "3x28x28",
        "prompt_template": AsJson(["question : {question} answer :"]),
        "decoding": ("greedy; at most 4 new tokens; end of answer: token 2; padding on the left"),
        "cost_samples": len(QUESTIONS),
        "truncated_samples": 0,
        "batch_samples": ROWS,
        "batch_repeats": False,
        "image_tokens_present": True,
        "image_changes_logits": True,
    }


def _list_model(cell: SimulatedCell, study: StudyFiles, reference: Reference) -> dict[str, Any]:
    kernels = {stage: EAGER for stage in (*STAGES, "decode")}
    strayed = None
    if cell.job.cell.optimization.compile is not None:
        # The quick compiler runs a graph by the kernels that it was captured from.
        kernels |= dict.fromkeys(STAGES, f"compiled + {EAGER}")
        strayed = "; ".join(f"{stage} ran in part uncompiled, with {EAGER}" for stage in STAGES)
    model = reference.model.model
    parameters = {id(it): it.numel() for it in model.parameters()}
    return {
        "model_source": str(study.checkpoint),
        "model_revision": REVISION,
        "model_digest": read_model_manifest(study.model).digest,
        "model_parameters": sum(parameters.values()),
        "model_type": "blip-2",
        "model_asked_by": "plain prompt",
        "model_image_backend": "PIL",
        "model_attention": "; ".join(f"{stage}: eager" for stage in STAGES),
        "model_kernels": "; ".join(f"{stage}: {kernel}" for stage, kernel in kernels.items()),
        "model_not_as_asked": strayed,
        "model_cache": "DynamicCache",
        "quantized_layers": None,
        "model_quantization": None,
        "weights_text_bytes": _add_bytes(model, "language_model."),
        "weights_vision_bytes": _add_bytes(model, "vision_model."),
        "weights_connector_bytes": _add_bytes(
            model, "query_tokens", "qformer.", "language_projection."
        ),
        "model_dtypes": Pairs(dict.fromkeys(STAGES, "float32")),
        "model_licence": LICENCE,
    }


def _add_bytes(model: Any, *names: str) -> int:
    """Return the bytes of the parameters and buffers whose names begin so."""
    tensors = {
        it.data_ptr(): it.nbytes
        for name, it in (*model.named_parameters(), *model.named_buffers())
        if name.startswith(names)
    }
    return sum(tensors.values())


class Pairs:
    """A text of pairs in any order."""

    def __init__(self, pairs: dict[str, str]) -> None:
        """Hold these pairs."""
        self._pairs = pairs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pairs == dict(
            pair.split(": ") for pair in other.split("; ")
        )

    __hash__ = None


def _list_compilation(cell: SimulatedCell) -> dict[str, Any]:
    names = ("compile_time_s", "graphs", "graph_breaks", "recompiles")
    flags = ("quality_pass_compiled", "decode_compiled")
    if cell.job.cell.optimization.compile is None:
        return dict.fromkeys((*names, *flags))
    assert cell.machine.model is not None
    answers = [it for it in cell.passes if it.kind == "generate"]
    compiled = [it for it in cell.passes if it.is_compiled]
    answered = [it for it in answers if it.begun_s < compiled[0].begun_s]
    decoded = [it for it in answers if it.is_timed and it.begun_s > compiled[0].begun_s]
    # Two are those of the look at what ran.
    assert {it.new_tokens for it in decoded} == {1, 2, NEW_TOKENS}
    graphs = cell.machine.model.graphs
    first = [passes for passes in graphs if passes <= RECOMPILED_AT]
    layers = 6
    return {
        "compile_time_s": about(layers * COMPILE_S + compiled[0].seconds),
        "graphs": len(first),
        "graph_breaks": 0,
        "recompiles": len(graphs) - len(first),
        "quality_pass_compiled": any(it.is_compiled for it in answered),
        "decode_compiled": any(it.is_compiled for it in decoded),
    }


def _list_place(cell: SimulatedCell, study: StudyFiles) -> dict[str, Any]:
    cards = len(cell.machine.settings.shown)
    commit, dirty = (
        _ask_git("rev-parse", "HEAD"),
        _ask_git("status", "--porcelain", "--untracked-files=no"),
    )
    # Podman's name for it is in lower case.
    named = os.environ.get("container")  # noqa: SIM112
    container = "docker" if Path("/.dockerenv").exists() else named
    described = json.loads(study.machines[cell.machine.settings.has_rapl].read_text())
    return {
        "git_commit": commit,
        "git_dirty": None if dirty is None else bool(dirty),
        "code_digest": cell.job.code,
        "software": AsJson(cell.job.software),
        "torch_settings": Holds(version=torch.__version__, threads=1, deterministic=False),
        "cuda_settings": Holds(capability="9.0", version=torch.version.cuda) if cards else None,
        "samples_sha256": _hash(study.folder / "data/photos/samples.parquet"),
        "images_sha256": _hash(study.images.with_suffix(".parquet")),
        "machine_host": described["host"],
        "machine_cpu": "Simulated CPU",
        "machine_gpus": (None, "Simulated GPU", "2 x Simulated GPU")[cards],
        "device_count": max(cards, 1),
        "machine_driver": "580.65" if cards else None,
        "machine_os": platform.platform(),
        "machine_container": container or os.environ.get("APPTAINER_NAME"),
        "machine_python": platform.python_version(),
    }


def _ask_git(*words: str) -> str | None:
    place = Path(__file__).parent
    done = subprocess.run(
        ["git", "-C", str(place), *words], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
