"""Makes up a whole study: 21 cells and 5 layer profiles, with plausible figures."""

import csv
import hashlib
import io
import json
import random
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import machines
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from vlmeter.data.samples import SAMPLES
from vlmeter.results.aggregate import aggregate
from vlmeter.results.export_study import export_study
from vlmeter.results.score_predictions import format_flops
from vlmeter.storage.files import file_sha256
from vlmeter.storage.parquet import write_table

TEMPLATES = Path(__file__).parents[2] / "report" / "templates"
AXES = {
    "model": "blip2-opt-2.7b",
    "prompt": "bare",
    "device": "cpu",
    "dtype": "fp32",
    "image_size": 224,
    "image_input": "processor",
    "batch_size": 1,
    "max_input_len": 200,
    "optimization": "eager",
}
DATASETS = {
    "coco": {"label": "COCO", "task": "caption", "source": "org/coco", "licence": "CC BY 4.0"},
    "scienceqa": {
        "label": "ScienceQA",
        "task": "multiple_choice",
        "source": "org/scienceqa",
        "licence": None,
    },
    "textvqa": {"label": "TextVQA", "task": "vqa", "source": "org/textvqa", "licence": "CC BY 4.0"},
}
TASK_METRICS = {
    "coco": ("cider_d", "CIDEr-D", 0.61),
    "scienceqa": ("accuracy", "Accuracy", 0.47),
    "textvqa": ("vqa_accuracy", "VQA accuracy", 0.32),
}
WER = {"coco": 0.995278537273407, "scienceqa": 20.883333206176758, "textvqa": 3.753488302230835}
TOKENS = {"coco": 1, "scienceqa": 68, "textvqa": 16}
KINDS = {
    "linear": ("language_model.model.decoder.layers.{}.fc1", "prefill", 0.55, 0.80),
    "attention": ("vision_model.encoder.layers.{}.self_attn", "vision", 0.17, 0.16),
    "normalisation": (
        "language_model.model.decoder.layers.{}.final_layer_norm",
        "prefill",
        0.08,
        0,
    ),
    "activation": ("vision_model.encoder.layers.{}.mlp.activation_fn", "vision", 0.06, 0),
    "convolution": ("vision_model.embeddings.patch_embedding", "vision", 0.05, 0.04),
    "embedding": ("language_model.model.decoder.embed_tokens", "prefill", 0.02, 0),
}


def cell_id(axes: dict[str, Any]) -> str:
    return (
        f"{axes['model']}-bs{axes['batch_size']}-img{axes['image_size']}-len{axes['max_input_len']}"
        f"-{axes['dtype']}-{axes['optimization']}-{axes['device']}"
    )


def make_section(
    name: str, title: str, datasets: list[str], fixed: dict[str, Any], axis: str, values: list[Any]
) -> dict[str, Any]:
    cells = []
    for value in values:
        axes = {**AXES, **fixed, axis: value}
        if axes["device"] == "cuda":
            axes["dtype"] = "fp16"
        for dataset in datasets:
            cells.append(
                {
                    "dataset": dataset,
                    "values": {axis: value},
                    "label": str(value),
                    "cell": cell_id(axes),
                    "axes": axes,
                }
            )
    return {
        "name": name,
        "title": title,
        "note": None,
        "fixed": fixed,
        "varied": {axis: values},
        "datasets": datasets,
        "cells": cells,
    }


def make_outline() -> dict[str, Any]:
    every = list(DATASETS)
    profiled = [
        *({**AXES, "batch_size": size} for size in (1, 4, 8, 16)),
        {**AXES, "image_size": 448},
    ]
    return {
        "study": "demo",
        "title": "Salesforce/blip2-opt-2.7b",
        "language": "en",
        "models": {
            "blip2-opt-2.7b": {
                "label": "Salesforce/blip2-opt-2.7b",
                "source": "Salesforce/blip2-opt-2.7b",
                "revision": "59a1ef6c1e51",
                "licence": "MIT",
            }
        },
        "datasets": json.loads(json.dumps(DATASETS)),
        "base": dict(AXES),
        "base_cells": {"textvqa": cell_id(AXES)},
        "references": {
            name: {AXES["model"]: cell_id({**AXES, "batch_size": 1 if name == "textvqa" else 16})}
            for name in DATASETS
        },
        "sections": [
            make_section("batch_size", "batch_size", ["textvqa"], {}, "batch_size", [1, 4, 8, 16]),
            make_section(
                "image_size", "Image size", every, {"batch_size": 16}, "image_size", [224, 336, 448]
            ),
            make_section(
                "input_length",
                "Input Length (224 image)",
                every,
                {"batch_size": 16},
                "max_input_len",
                [200, 100, 50],
            ),
            make_section(
                "optimization",
                "Optimization",
                ["scienceqa"],
                {"batch_size": 16},
                "optimization",
                ["eager", "compile", "flash_attention_2"],
            ),
            make_section("device", "GPU vs CPU", ["textvqa"], {}, "device", ["cuda", "cpu"]),
        ],
        "layers": {
            "dataset": "textvqa",
            "cells": [{"cell": cell_id(axes), "axes": axes} for axes in profiled],
        },
        "measure": {
            "window_s": 10.0,
            "min_iterations": 10,
            "repeats": 3,
            "energy": {"window_s": 10},
        },
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def make_failed_record(entry: dict[str, Any], status: str, reason: str) -> dict[str, Any]:
    return {
        "wer_value": None,
        "latency": None,
        "energy": None,
        "flops": None,
        "status": status,
        "reason": reason,
        "traceback": None,
        "attempt": 1,
        "cell": {"id": entry["cell"], "dataset": entry["dataset"], **entry["axes"]},
        "quality": None,
    }


def make_ok_record(entry: dict[str, Any], rng: random.Random, tokens: int) -> dict[str, Any]:
    axes, dataset = entry["axes"], entry["dataset"]
    batch = axes["batch_size"]
    text = min(tokens, axes["max_input_len"])
    flops = batch * (703.2e9 + 5.32e9 * text)
    latency = 0.021 * (batch**0.86) * (1 + text / 150) * rng.uniform(0.985, 1.015)
    energy = latency * 115 / batch
    wer = WER.get(dataset, 2.0) * (
        1.02 if axes["max_input_len"] == 50 and dataset == "scienceqa" else 1
    )
    name, label, value = TASK_METRICS.get(dataset, TASK_METRICS["textvqa"])
    shape = _digest(dataset, text, batch)
    record = make_failed_record(entry, "ok", "")
    record |= {
        "reason": None,
        "wer_value": wer,
        "latency": latency,
        "energy": energy,
        "flops": format_flops(flops),
        "quality": {
            "metrics": [
                _metric("wer", "WER", wer, 0.04, higher_is_better=False),
                _metric("wer_median", "WER, median", wer * 0.9, 0.05, higher_is_better=False),
                _metric("mer", "MER", min(wer, 0.9), 0.02, higher_is_better=False),
                _metric(name, label, value, 0.06, higher_is_better=True),
            ],
            "samples": 300,
            "scored": 299,
            "bad_samples": [{"id": "q17", "reason": "no prediction"}],
            "definition": "Texts are lower-cased and stripped of punctuation; best reference.",
        },
        "input": {
            "samples": 300,
            "text_tokens": text,
            "image_tokens": 32,
            "sequence_length": 32 + text,
            "pixel_shape": [3, 224, 224],
            "prompt_templates": {"{question}": 300},
            "truncated_samples": 12 if tokens > text else 0,
            "bad_samples": [{"id": "q17", "reason": "the image is cut short"}],
            "batch_samples": batch,
            "repeated": False,
            "shape_digest": shape,
            "content_digest": _digest(shape, axes["image_size"]),
        },
        "latency_detail": {
            "latency_s": latency,
            "mean_s": latency * 1.01,
            "p50_s": latency,
            "p90_s": latency * 1.04,
            "p99_s": latency * 1.1,
            "stdev_s": latency * 0.02,
            "min_s": latency * 0.97,
            "max_s": latency * 1.2,
            "iterations": 120,
            "rounds_s": [latency * 0.99, latency, latency * 1.01],
            "low_s": latency * 0.975,
            "high_s": latency * 1.025,
            "warmup_iterations": 9,
            "steady": True,
            "window_s": 10.2,
            "clock": "perf_counter_ns",
            "threads": 2,
        },
        "energy_detail": {
            "energy_j": energy,
            "energy_net_j": energy * 0.6,
            "energy_reason": None,
            "window_s": 10.0,
            "batches": 100,
            "samples": 100 * batch,
            "rounds_j": [energy * 0.98, energy, energy * 1.02],
            "low_j": energy * 0.96,
            "high_j": energy * 1.04,
            "components": [
                {
                    "device": "cpu",
                    "energy_j": energy * 80 * batch,
                    "power_w": 90.0,
                    "kind": "modelled",
                    "method": "cpu_load",
                },
                {
                    "device": "ram",
                    "energy_j": energy * 20 * batch,
                    "power_w": 20.0,
                    "kind": "constant",
                    "method": "20 W",
                },
            ],
        },
        "flops_detail": {
            "flops": flops,
            "per_sample": flops / batch,
            "by_stage": {"vision": flops * 0.7, "qformer": flops * 0.02, "prefill": flops * 0.28},
            "uncounted": {"aten::softmax": 12},
            "achieved_flop_per_s": flops / latency,
        },
        "generation": {
            "new_tokens": 16,
            "time_to_first_token_s": latency * 1.1,
            "time_per_output_token_s": 0.012,
            "tokens_per_s": batch * 60.0,
            "samples_per_s": batch * 3.75,
        },
        "memory": {
            "peak_rss_bytes": 15_400_000_000 + batch * 90_000_000,
            "weights_bytes": 14_976e6,
        },
        "checks": {"image_tokens_present": True, "image_changes_logits": True},
        "model": {
            "source": "Salesforce/blip2-opt-2.7b",
            "revision": "59a1ef6c1e51",
            "parameters": 3_744_679_936,
            "digest": "5a5a5a5a5a5a5a5a",
            "attention": {"vision": "eager", "prefill": "eager"},
        },
        "provenance": {
            "samples_sha256": _digest(dataset),
            "git": {"commit": "0123abcdef0123abcdef", "dirty": False},
            "code": "c0dec0dec0dec0de",
            "software": {"torch": "2.13.0", "transformers": "5.23.0"},
            "host": "4057",
            "cpu": {"name": "Example CPU @ 2.50GHz", "physical_cores": 2},
            "gpus": [],
            "os": "Linux-6.1-x86_64",
        },
        "conditions": {"disturbed": False, "disturbance": None},
    }
    return record


def _metric(
    name: str, label: str, value: float, width: float, *, higher_is_better: bool
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "value": value,
        "low": value * (1 - width),
        "high": value * (1 + width),
        "higher_is_better": higher_is_better,
        "note": None,
    }


def make_layer_rows(axes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return disjoint rows that add up to 21 ms * batch^0.86."""
    batch = axes["batch_size"]
    total_ms, flops = 21.0 * batch**0.86, 751.06e9 * batch
    rows = []
    for kind, (module, stage, share, work) in KINDS.items():
        repeats = 4 if "{}" in module else 1
        for index in range(repeats):
            rows.append(
                {
                    "module": module.format(index),
                    "kind": kind,
                    "stage": stage,
                    "calls": 1,
                    "time_ms": total_ms * share / repeats,
                    "share": share / repeats,
                    "flops": int(flops * work / repeats),
                    "parameters": 1_000_000,
                }
            )
    rest = 1 - sum(share for _, _, share, _ in KINDS.values())
    rows.append(
        {
            "module": "(other)",
            "kind": "other",
            "stage": "",
            "calls": 1,
            "time_ms": total_ms * rest,
            "share": rest,
            "flops": None,
            "parameters": 0,
        }
    )
    return [*rows, *make_decode_rows(batch)]


def make_decode_rows(batch: int) -> list[dict[str, Any]]:
    """Return a decode step's rows: 8 ms at batch 1, hardly more at 16; 1 of 141 of the FLOPs."""
    total_ms, flops = 8.0 * batch**0.1, 5.32e9 * batch
    module = "language_model.model.decoder.layers.0.fc1"
    shape = {"stage": "decode", "calls": 1}
    return [
        {
            "module": module,
            "kind": "linear",
            **shape,
            "time_ms": total_ms * 0.75,
            "share": 0.75,
            "flops": flops,
            "parameters": 2_600_000_000,
        },
        {
            "module": "(other)",
            "kind": "other",
            **shape,
            "time_ms": total_ms * 0.25,
            "share": 0.25,
            "flops": None,
            "parameters": 0,
        },
    ]


def make_layer_record(dataset: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": "ok",
        "reason": None,
        "cell": {"id": entry["cell"], "dataset": dataset, **entry["axes"]},
        "total_ms": 21.0,
        "overhead_share": 0.062,
        "decode": {"overhead_share": 0.081},
        "decode_reason": None,
        "input": {"pixel_shape": [3, 224, 224]},
    }


@dataclass
class MadeStudy:
    """A study's records in memory; `write` writes them where the workflow writes them."""

    outline: dict[str, Any] = field(default_factory=make_outline)
    seed: int = 0
    tokens: dict[str, int] = field(default_factory=TOKENS.copy)
    has_gpu: bool = False
    odd_answers: set[tuple[str, str]] = field(default_factory=set)
    """Cells whose last answer differs from the rest, as it does for a cut question."""
    words: str = ""
    """Text at the end of all texts of the data sets and of the model."""

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        for block in self.outline["sections"]:
            for entry in block["cells"]:
                key = (entry["dataset"], entry["cell"])
                if key not in self.records:
                    self.records[key] = self._record(entry, rng)
        layers = self.outline["layers"]
        self.profiles = {
            entry["cell"]: (
                make_layer_rows(entry["axes"]),
                make_layer_record(layers["dataset"], entry),
            )
            for entry in layers["cells"]
        }

    def _record(self, entry: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        if entry["axes"]["optimization"] == "flash_attention_2":
            reason = "Blip2ForConditionalGeneration does not support Flash Attention 2.0 yet."
            return make_failed_record(entry, "unsupported", reason)
        if entry["axes"]["device"] == "cuda" and not self.has_gpu:
            return make_failed_record(entry, "unavailable", "this machine has no cuda device")
        return make_ok_record(entry, rng, self.tokens[entry["dataset"]])

    def take_weights_away(self) -> None:
        """Give every cell random weights, whose answers mean nothing."""
        for record in self.records.values():
            if record["status"] == "ok":
                record["wer_value"] = None
                for metric in record["quality"]["metrics"]:
                    metric |= {"value": None, "low": None, "high": None}
                    metric["note"] = "not measured: random weights"
                record["quality"] |= {"scored": 0, "bad_samples": []}

    def fail_everything(self) -> None:
        for record in self.records.values():
            for key in list(record):
                if key not in ("cell", "attempt"):
                    record[key] = None
            record |= {"status": "crashed", "reason": "killed by SIGKILL"}
        for _rows, record in self.profiles.values():
            _rows.clear()
            record |= {"status": "crashed", "reason": "killed by SIGKILL", "input": None}

    def write(self, folder: Path) -> "Files":
        files = Files(folder)
        for (dataset, cell), record in self.records.items():
            path = folder / "cells" / dataset / cell / "record.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record))
            files.records.append(path)
            odd = (dataset, cell) in self.odd_answers or record["cell"]["max_input_len"] == 50
            write_answers(path.parent, record, odd=odd, words=self.words)
        for dataset in dict.fromkeys(dataset for dataset, _ in self.records):
            files.manifests.append(write_samples(folder / "samples" / dataset, self.words))
        for cell, (rows, record) in self.profiles.items():
            table = folder / "layers" / self.outline["layers"]["dataset"] / f"{cell}.csv"
            table.parent.mkdir(parents=True, exist_ok=True)
            with table.open("w", newline="") as file:
                names = [
                    "module",
                    "kind",
                    "stage",
                    "calls",
                    "time_ms",
                    "share",
                    "flops",
                    "parameters",
                ]
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(rows)
            table.with_suffix(".json").write_text(json.dumps(record))
            files.layer_tables.append(table)
            files.layer_records.append(table.with_suffix(".json"))
        files.machine.write_text(json.dumps(MACHINE))
        return files


def write_samples(folder: Path, words: str) -> Path:
    """Write four samples with their manifest; the last has no picture that can be decoded."""
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(picture, format="PNG")
    rows = [
        {
            "id": f"q{place}{words}",
            "image": b"no picture" if place == 3 else picture.getvalue(),
            "question": f"What is on sample {place}?{words}",
            "references": [f"r{place}{words}", "r", "r"],
        }
        for place in range(4)
    ]
    write_table(folder / "samples.parquet", rows, SAMPLES)
    manifest = folder / "samples.json"
    identity = {"dataset": folder.name, "sha256": file_sha256(folder / "samples.parquet")}
    manifest.write_text(json.dumps({**identity, "revision": None}))
    return manifest


def write_answers(folder: Path, record: dict[str, Any], *, odd: bool, words: str = "") -> None:
    """Write four samples' scores, which average to the record's figures, and their answers."""
    quality = record["quality"] or {"metrics": []}
    metrics = [metric for metric in quality["metrics"] if metric["value"] is not None]
    ids = [f"q{place}{words}" for place in range(4)] if metrics else []
    scores: dict[str, Any] = {"id": pa.array(ids, pa.string())}
    for metric in metrics:
        spread = (0.9, 1.0, 1.1, 1.0)
        values = [metric["value"] * share for share in spread]
        scores[metric["name"]] = pa.array(values, pa.float64())
        scores[f"{metric['name']}_weight"] = pa.array([1.0] * len(ids), pa.float64())
    pq.write_table(pa.table(scores), folder / "scores.parquet")
    answers = [f"{answer}{words}" for answer in ("a", "b", "c", "another" if odd else "d")][
        : len(ids)
    ]
    prompts = [f"What is on sample {place}?{words}" for place in range(len(ids))]
    columns = {
        name: pa.array(texts, pa.string())
        for name, texts in (("id", ids), ("prediction", answers), ("prompt", prompts))
    }
    pq.write_table(pa.table(columns), folder / "predictions.parquet")


def make_plan(outline: dict[str, Any]) -> dict[str, Any]:
    """Return `comparison_plan` of an outline."""
    pairs = set()
    for block in outline["sections"]:
        first: dict[str, str] = {}
        for entry in block["cells"]:
            dataset, cell = entry["dataset"], entry["cell"]
            bases = {first.setdefault(dataset, cell), outline["base_cells"].get(dataset)}
            bases.add(outline["references"][dataset][entry["axes"]["model"]])
            pairs |= {(dataset, cell, base) for base in bases if base not in (cell, None)}
    rows = [
        {"dataset": dataset, "cell": cell, "base": base} for dataset, cell, base in sorted(pairs)
    ]
    return {"pairs": rows, "seed": 0, "resamples": 200}


@dataclass
class Files:
    """The paths of a study's files."""

    folder: Path
    records: list[Path] = field(default_factory=list)
    layer_tables: list[Path] = field(default_factory=list)
    layer_records: list[Path] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)

    @property
    def answers(self) -> Path:
        return self.folder / "gallery" / "answers.json"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.csv"

    @property
    def layers(self) -> Path:
        return self.folder / "layers.csv"

    @property
    def differences(self) -> Path:
        return self.folder / "differences.csv"

    @property
    def repeatability(self) -> Path:
        return self.folder / "repeatability.json"

    @property
    def machine(self) -> Path:
        return self.folder / "machine.json"

    def figure(self, name: str) -> Path:
        return self.folder / "figures" / f"{name}.svg"


MACHINE = {"hostname": "must-not-be-shown", **asdict(machines.MACHINE)}


def collect(study: MadeStudy, files: Files, samples: int = 12) -> None:
    from vlmeter.reporting.collect_answers import collect_answers

    plan = {"samples": samples, "references": study.outline["references"]}
    tables = (files.summary, files.differences)
    collect_answers(plan, files.manifests, *tables, files.folder / "cells", files.answers)


def render_all(study: MadeStudy, folder: Path, *, draw: bool = True, **more: Any) -> Files:
    """Run all steps from the records to the pages, with figures or without."""
    from vlmeter.reporting.figures.plot_layers import plot_layers
    from vlmeter.reporting.figures.plot_pareto import plot_pareto
    from vlmeter.reporting.figures.plot_section import plot_section
    from vlmeter.reporting.render_report import render_report
    from vlmeter.results.aggregate import aggregate

    files = study.write(folder)
    outline = study.outline
    aggregate(
        files.records,
        files.layer_tables,
        files.layer_records,
        files.summary,
        files.layers,
        files.differences,
        files.repeatability,
        make_plan(outline),
    )
    figures = {"pareto": files.figure("pareto")} if draw else {}
    if draw:
        plot_pareto(outline, files.summary, files.differences, files.figure("pareto"))
        collect(study, files)
        more.setdefault("answers", files.answers)
    for block in outline["sections"] if draw else []:
        figures[block["name"]] = files.figure(block["name"])
        plot_section(block, outline["datasets"], files.summary, files.figure(block["name"]))
    if draw and outline["layers"] is not None:
        figures["layers"] = files.figure("layers")
        tables = (files.layers, files.layer_records, files.machine)
        plot_layers(outline["layers"], *tables, files.figure("layers"))
    render_report(
        outline,
        files.summary,
        files.layers,
        files.differences,
        files.repeatability,
        files.layer_records,
        files.machine,
        figures,
        folder / "report.md",
        folder / "study.html",
        TEMPLATES,
        **more,
    )
    return files


FLASH = ("scienceqa", cell_id({**AXES, "batch_size": 16, "optimization": "flash_attention_2"}))
NO_PAIRS: dict[str, Any] = {"pairs": [], "seed": 0, "resamples": 100}
"""The pairs within a study, which the comparison of two studies does not need."""


def write_study(study: MadeStudy, folder: Path, plan: dict[str, Any] = NO_PAIRS) -> Path:
    """Write a study's tables and its JSON where the workflow writes them."""
    files = study.write(folder)
    aggregate(
        files.records,
        files.layer_tables,
        files.layer_records,
        files.summary,
        files.layers,
        files.differences,
        files.repeatability,
        plan,
    )
    export_study(
        study.outline,
        files.summary.with_suffix(".parquet"),
        files.layers,
        files.differences,
        files.repeatability,
        files.machine,
        folder / "study.json",
    )
    return folder


def slow_down(study: MadeStudy) -> None:
    """Make cells of 16 samples take 1.5 times as long, with other software on another machine."""
    for record in list_measured(study):
        if record["cell"]["batch_size"] == 16:
            record["latency"] *= 1.5
            rounds = record["latency_detail"]["rounds_s"]
            record["latency_detail"]["rounds_s"] = [seconds * 1.5 for seconds in rounds]
        record["provenance"]["software"]["torch"] = "2.14.0"
        record["provenance"]["host"] = "4058"
        record["provenance"]["cpu"]["name"] = "Another CPU"
    study.records[FLASH] = {**study.records[FLASH], "status": "out_of_memory", "reason": "full"}


def list_measured(study: MadeStudy) -> list[dict[str, Any]]:
    return [record for record in study.records.values() if record["status"] == "ok"]


VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects elements and texts, and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data.strip())


def parse_page(files: Files) -> Page:
    return Page((files.folder / "study.html").read_text())
