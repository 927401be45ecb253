"""Makes up a whole study: 21 cells and 5 layer profiles, with plausible figures."""

import csv
import json
import random
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import record_factory
from layer_factory import make_layer_record, make_layer_rows
from machines import MACHINE
from record_factory import make_cell, make_failed_record, make_ok_record
from study_files import Files, write_answers, write_samples

from vlmeter.axes import Axes, write_cell_id
from vlmeter.results.cell import RecordCell
from vlmeter.results.comparisons import Comparisons
from vlmeter.results.outline import (
    DatasetInfo,
    LayersOutline,
    ModelInfo,
    Outline,
    PlacedCell,
    ProfiledCell,
    SectionOutline,
)
from vlmeter.results.record import Record
from vlmeter.status import Status
from vlmeter.storage.files import write_json
from vlmeter.storage.layout import CellKey, DifferenceKey

AXES = {**record_factory.AXES, "model": "blip2-opt-2.7b"}
DATASETS = {
    "coco": DatasetInfo("COCO", "caption", "org/coco", "CC BY 4.0"),
    "scienceqa": DatasetInfo("ScienceQA", "multiple_choice", "org/scienceqa", None),
    "textvqa": DatasetInfo("TextVQA", "vqa", "org/textvqa", "CC BY 4.0"),
}
MODEL = ModelInfo(
    "Salesforce/blip2-opt-2.7b", "Salesforce/blip2-opt-2.7b", revision="59a1ef6c1e51", licence="MIT"
)
TOKENS = {"coco": 1, "scienceqa": 68, "textvqa": 16}


def cell_id(axes: dict[str, Any]) -> str:
    return write_cell_id(Axes(**axes), AXES)


def make_section(
    name: str, title: str, datasets: list[str], fixed: dict[str, Any], axis: str, values: list[Any]
) -> SectionOutline:
    cells = []
    for value in values:
        axes = {**AXES, **fixed, axis: value}
        if axes["device"] == "cuda":
            axes["dtype"] = "fp16"
        for dataset in datasets:
            place = {axis: value}
            cells.append(PlacedCell(dataset, place, str(value), cell_id(axes), Axes(**axes)))
    return SectionOutline(
        name=name,
        title=title,
        note=None,
        fixed=fixed,
        varied={axis: tuple(values)},
        datasets=tuple(datasets),
        cells=tuple(cells),
    )


def make_outline() -> Outline:
    every = list(DATASETS)
    profiled = [
        *({**AXES, "batch_size": size} for size in (1, 4, 8, 16)),
        {**AXES, "image_size": 448},
    ]
    return Outline(
        study="demo",
        title="Salesforce/blip2-opt-2.7b",
        language="en",
        models={"blip2-opt-2.7b": MODEL},
        datasets=dict(DATASETS),
        base=Axes(**AXES),
        base_cells={"textvqa": cell_id(AXES)},
        references={
            name: {AXES["model"]: cell_id({**AXES, "batch_size": 1 if name == "textvqa" else 16})}
            for name in DATASETS
        },
        sections=(
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
        ),
        layers=LayersOutline(
            "textvqa", tuple(ProfiledCell(cell_id(axes), Axes(**axes)) for axes in profiled)
        ),
        measure={
            "window_s": 10.0,
            "min_iterations": 10,
            "repeats": 3,
            "energy": {"window_s": 10},
        },
    )


@dataclass
class MadeStudy:
    """A study's records in memory; `write` writes them where the workflow writes them."""

    outline: Outline = field(default_factory=make_outline)
    seed: int = 0
    tokens: dict[str, int] = field(default_factory=TOKENS.copy)
    has_gpu: bool = False
    odd_answers: set[tuple[str, str]] = field(default_factory=set)
    """Cells whose last answer differs from the rest, as it does for a cut question."""
    words: str = ""
    """Text at the end of all texts of the data sets and of the model."""

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self.records: dict[CellKey, dict[str, Any]] = {}
        for section in self.outline.sections:
            for entry in section.cells:
                if entry.key not in self.records:
                    self.records[entry.key] = self._make_record(entry, rng).as_plain()
        layers = self.outline.layers
        self.profiles = {
            entry.cell: (make_layer_rows(entry.axes), make_layer_record(layers.dataset, entry))
            for entry in layers.cells
        }

    def edit_outline(self, **changes: Any) -> None:
        """Replace parts of the outline."""
        self.outline = replace(self.outline, **changes)

    def edit_model(self, **changes: Any) -> None:
        """Replace what the outline says about its model."""
        models = {name: replace(model, **changes) for name, model in self.outline.models.items()}
        self.edit_outline(models=models)

    def _make_record(self, entry: PlacedCell, rng: random.Random) -> Record:
        cell = make_cell(entry.cell, entry.dataset, entry.axes.as_dict())
        if cell.optimization == "flash_attention_2":
            reason = "Blip2ForConditionalGeneration does not support Flash Attention 2.0 yet."
            return make_failed_record(cell, Status.UNSUPPORTED, reason)
        if cell.device == "cuda" and not self.has_gpu:
            return make_failed_record(cell, Status.UNAVAILABLE, "this machine has no cuda device")
        return make_ok_record(cell, rng, self.tokens[cell.dataset])

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
        for key, record in self.records.items():
            cell = RecordCell(**record["cell"])
            failed = make_failed_record(cell, Status.CRASHED, "killed by SIGKILL")
            self.records[key] = failed.as_plain()
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
            table = folder / "layers" / record["cell"]["dataset"] / f"{cell}.csv"
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
        write_json(files.machine, asdict(MACHINE))
        return files


def make_comparisons(outline: Outline) -> Comparisons:
    """Return which cells of an outline are compared, as the planner does."""
    pairs = set()
    for section in outline.sections:
        first: dict[str, str] = {}
        for entry in section.cells:
            dataset, cell = entry.dataset, entry.cell
            bases = {first.setdefault(dataset, cell), outline.base_cells.get(dataset)}
            bases.add(outline.references[dataset][entry.axes.model])
            pairs |= {
                DifferenceKey(dataset, cell, base) for base in bases if base not in (cell, None)
            }
    return Comparisons(pairs=tuple(sorted(pairs)), seed=0, resamples=200)


NO_PAIRS = Comparisons(pairs=(), seed=0, resamples=100)
"""The pairs within a study, which the comparison of two studies does not need."""

FLASH = CellKey(
    "scienceqa", cell_id({**AXES, "batch_size": 16, "optimization": "flash_attention_2"})
)


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
