"""A study of thousands of cells that nobody measured, to see how the workflow copes with it.

Its records, scores and predictions are as the workflow's rules leave them, with their checksums, so
that every rule after the measurements takes them for real.
"""

import math
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from made_up_records import measurement

from vlmeter.cell.attempts import Attempt, write_attempt
from vlmeter.config.load import check_config, read_yaml
from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import DatasetJob
from vlmeter.data.samples import IMAGES, PREDICTIONS, TIMINGS
from vlmeter.machine.description import Machine
from vlmeter.machine.host import describe_host
from vlmeter.measure.energy.description import (
    CpuSource,
    EnergySources,
    Grid,
    IdlePower,
    RamSource,
)
from vlmeter.metrics.base import Contributions, Statistic
from vlmeter.provenance import GitState
from vlmeter.results.job import ScoreJob
from vlmeter.results.score_predictions import format_flops, score_predictions
from vlmeter.status import Status
from vlmeter.storage.files import file_sha256, read_json, write_json
from vlmeter.storage.job_keys import write_job_key
from vlmeter.storage.layout import CellFolder
from vlmeter.storage.parquet import read_table, write_table
from vlmeter.storage.typed import from_params
from vlmeter.study.jobs import Jobs
from vlmeter.study.study import Cell, Study

REPOSITORY = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "report", "envs", "profiles", "demo/model")
CONFIG = "study.yaml"
SAMPLES = 300
TASKS = {"textvqa": ("vqa", "answers"), "scienceqa": ("multiple_choice", None)}
QUESTION_TOKENS = {"textvqa": 16, "scienceqa": 70}
BATCH_SIZES = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]
LENGTHS = [200, 150, 100, 50, 25]
IMAGE_SIZES = [224, 280, 336, 392, 448]
OWN = {
    "sdpa_static": {"attention": "sdpa", "cache": "static"},
    "sdpa_int8": {"attention": "sdpa", "quantization": "int8"},
    "mixed": {"attention": {"vision": "sdpa", "qformer": "eager", "text": "sdpa"}},
}
OPTIMIZATIONS = ["eager", "sdpa", "compile", "flex_attention", "static_cache", "int8", "int4", *OWN]
_STEP = len(TASKS) * len(BATCH_SIZES) * len(LENGTHS)


def make_tree(folder: Path, cells: int) -> Path:
    """Copy the workflow into `folder` and write the config of a study there; return its path.

    Args:
        folder: Where Snakemake is to be started.
        cells: How many cells the study has: hundreds up to 1,000, or thousands up to 5,000.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    for name in PARTS:
        source, copy = REPOSITORY / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy2(source, copy)
    for dataset in TASKS:
        _write_source(dataset, folder / f"{dataset}.parquet")
    config = folder / CONFIG
    config.write_text(yaml.safe_dump(made_up_config(cells), sort_keys=False))
    return config


def made_up_config(cells: int) -> dict[str, Any]:
    """Return a config with a section per optimisation, each a grid of hundreds of cells."""
    per_section = _STEP if cells <= _STEP * len(OPTIMIZATIONS) else cells // len(OPTIMIZATIONS)
    sections, sizes = cells // per_section, per_section // _STEP
    if not sections or sections * sizes * _STEP != cells or sizes > len(IMAGE_SIZES):
        raise ValueError(f"{cells} cells: give 100 to 1000 by hundreds, or up to 5000 by thousands")
    grid = {
        "batch_size": BATCH_SIZES,
        "image_size": IMAGE_SIZES[:sizes],
        "max_input_len": LENGTHS,
    }
    return {
        "study": "large",
        "models": {"tiny": {"label": "tiny BLIP-2", "source": {"path": "demo/model"}}},
        "datasets": {name: _dataset(name) for name in TASKS},
        "optimizations": OWN,
        "base": {
            "model": "tiny",
            "prompt": "bare",
            "device": "cpu",
            "dtype": "fp32",
            "image_size": IMAGE_SIZES[0],
            "batch_size": BATCH_SIZES[0],
            "max_input_len": LENGTHS[0],
            "optimization": OPTIMIZATIONS[0],
        },
        "sections": [
            {
                "name": f"with_{name}",
                "title": f"Under {name}",
                "datasets": list(TASKS),
                "fix": {"optimization": name},
                "vary": grid,
            }
            for name in OPTIMIZATIONS[:sections]
        ],
        "measure": {"cpu_threads": 1},
    }


def _dataset(name: str) -> dict[str, Any]:
    task, references = TASKS[name]
    columns = {"id": "question_id", "image": "image", "question": "question"}
    own = {"references": references} if references else {"choices": "choices"}
    if not references:
        own |= {"answer_index": "answer", "context": "hint"}
    return {
        "task": task,
        "source": {"path": f"{name}.parquet"},
        "columns": columns | own,
        "sample": {"n": SAMPLES, "seed": 0},
        "prompts": {"bare": "{question}"},
        "max_new_tokens": 12,
    }


def _write_source(dataset: str, path: Path) -> None:
    """Repeat the demo's rows until there are enough, each under an id of its own."""
    rows = pq.read_table(REPOSITORY / "demo" / "data" / f"{dataset}.parquet")
    repeated = pa.concat_tables([rows] * math.ceil(SAMPLES / len(rows))).slice(0, SAMPLES)
    ids = pa.array([f"q{number}" for number in range(SAMPLES)])
    if "question_id" in repeated.column_names:
        repeated = repeated.drop_columns("question_id")
    pq.write_table(repeated.append_column("question_id", ids), path)


def fill_results(config: Path) -> Study:
    """Write what the study's rules up to the records would leave, below the config's folder."""
    with chdir(config.parent):
        study = Study(check_config(read_yaml(Path(config.name)), config.name))
        jobs = Jobs(study)
        _write_machine(study, jobs)
        write_json(study.folder.model_manifest("tiny", "fp32"), {"model": "tiny", "dtype": "fp32"})
        write_job_key(jobs.build_model_key("tiny", "fp32"))
        answers = {}
        for dataset in study.config.datasets:
            _write_data(study, jobs, dataset)
            answers[dataset] = _scored(study, jobs, dataset)
        chance = random.Random(0)
        for cell in study.cells:
            _write_cell(study, jobs, cell, answers[cell.dataset], chance)
        _write_control(study, jobs, chance)
        return study


def _write_machine(study: Study, jobs: Jobs) -> None:
    energy = EnergySources(
        codecarbon="none",
        cpu=CpuSource("made up", "cpu_load", "modelled", "cpu_load", tdp_w=16.0, tdp_source="none"),
        ram=RamSource("constant", "20 W", power_w=20.0, source="none", total_gib=16.0),
        gpus=(),
        rapl=(),
        grid=Grid(kg_per_kwh=0.5, source="none"),
        idle=IdlePower({"cpu": 2.4, "ram": 20.0}, {}),
    )
    described = Machine(
        **vars(describe_host()),
        threads_of_a_cell=1,
        gpus=(),
        gpus_left_out=(),
        software={**jobs.build_machine()["software"]},  # type: ignore[dict-item]
        energy=energy,
        git=GitState("0" * 40, dirty=False),
    )
    write_json(study.folder.machine, asdict(described))
    study.folder.machine_noted.touch()


def _write_data(study: Study, jobs: Jobs, dataset: str) -> None:
    """Read the sample as the workflow does; the images, which no later rule reads, are left out."""
    folder = study.folder.dataset(dataset)
    job = from_params(DatasetJob, jobs.build_dataset(dataset))
    download_dataset(job, folder.samples, folder.manifest)
    write_job_key(jobs.build_dataset_key(dataset))
    for size in dict.fromkeys(cell.axes.stored_size for cell in study.cells):
        write_table(folder.images(size), [], IMAGES)
        write_json(folder.images_manifest(size), {"dataset": dataset})
        write_job_key(jobs.build_images_key(dataset, size))


@dataclass(frozen=True)
class _Scored:
    """Answers to a data set that are all right, or all wrong, and what they score."""

    predictions: pa.Table
    scores: pa.Table
    record: Mapping[str, Any]


def _scored(study: Study, jobs: Jobs, dataset: str) -> tuple[_Scored, _Scored]:
    """Score right and wrong answers by the real metrics; those of each cell are mixed of both."""
    samples = read_table(study.folder.dataset(dataset).samples)
    cell = next(cell for cell in study.cells if cell.dataset == dataset)
    right, wrong = (
        _scored_answers(study, jobs, cell, list(_answers(samples, offset)), f"aside-{offset}")
        for offset in (0, 1)
    )
    return right, wrong


def _answers(samples: list[dict[str, Any]], offset: int) -> Iterator[dict[str, Any]]:
    for number, sample in enumerate(samples):
        choices = sample["choices"]
        place = None if not choices else (sample["answer_index"] + offset) % len(choices)
        other = samples[(number + offset) % len(samples)]
        yield {
            "id": sample["id"],
            "prediction": other["references"][0] if place is None else choices[place],
            "prompt": sample["question"],
            "text_tokens": len(sample["question"].split()),
            "generated_tokens": 4,
            "truncated": False,
            "option_scores": [-1.0 - (index != place) for index in range(len(choices))] or None,
        }


def _measure(study: Study, cell: Cell, chance: random.Random) -> dict[str, Any]:
    """Return a measurement of the sample as it lies in the study."""
    measured = measurement(cell.axes, QUESTION_TOKENS[cell.dataset], chance)
    if "provenance" in measured:
        samples = file_sha256(study.folder.dataset(cell.dataset).samples)
        measured["provenance"]["samples_sha256"] = samples
    return measured


def _scored_answers(
    study: Study, jobs: Jobs, cell: Cell, rows: list[dict[str, Any]], name: str
) -> _Scored:
    folder = CellFolder(study.folder.root / name)
    write_table(folder.predictions, rows, PREDICTIONS)
    measured = _measure(study, cell, random.Random(0))
    write_json(folder.measurement, measured)
    score_predictions(
        folder.measurement,
        folder.predictions,
        study.folder.dataset(cell.dataset).samples,
        folder.record,
        from_params(ScoreJob, jobs.build_score(cell)),
    )
    scored = _Scored(
        pq.read_table(folder.predictions), pq.read_table(folder.scores), read_json(folder.record)
    )
    shutil.rmtree(folder.root)
    return scored


def _write_cell(
    study: Study,
    jobs: Jobs,
    cell: Cell,
    answers: tuple[_Scored, _Scored],
    chance: random.Random,
) -> None:
    folder = study.folder.cell(cell.key)
    measured = _measure(study, cell, chance)
    ok = measured["status"] == Status.OK
    right, wrong = answers
    # Three samples in ten are answered wrong by every cell, some more by each on its own.
    share = 0.3 + 0.1 * chance.random()
    picks = [number % 10 >= 3 and chance.random() > share - 0.3 for number in range(SAMPLES)]
    tables = {
        name: _mixed(getattr(right, name), getattr(wrong, name), picks if ok else [])
        for name in ("predictions", "scores")
    }
    # In the workflow's order: Snakemake takes what is older than its input for out of date.
    files = _write_measurement(folder, measured, tables["predictions"])
    pq.write_table(tables["scores"], folder.scores, compression="zstd")
    files["scores"] = file_sha256(folder.scores)
    quality = _quality(right.record["quality"], tables["scores"]) if ok else None
    write_json(folder.record, {**_record(cell, measured, quality), "files": files})
    _note_attempt(jobs.build_measurement(cell), measured)


def _write_measurement(
    folder: CellFolder, measured: Mapping[str, Any], predictions: pa.Table
) -> dict[str, str]:
    """Write what measuring a cell leaves; return the checksums of its tables."""
    write_table(folder.timings, [], TIMINGS)
    pq.write_table(predictions, folder.predictions, compression="zstd")
    files = {
        "predictions": file_sha256(folder.predictions),
        "timings": file_sha256(folder.timings),
    }
    write_json(folder.measurement, {**measured, "files": files})
    return files


def _mixed(right: pa.Table, wrong: pa.Table, picks: list[bool]) -> pa.Table:
    """Take each row from one of two tables; without picks there is none."""
    if not picks:
        return right.slice(0, 0)
    mask = pa.array(picks)
    columns = [
        pc.if_else(mask, *(table.column(name).combine_chunks() for table in (right, wrong)))
        for name in right.column_names
    ]
    return pa.table(columns, schema=right.schema)


def _quality(scored: Mapping[str, Any], scores: pa.Table) -> dict[str, Any]:
    """Return the quality of mixed answers; only the intervals, as wide as 0.1, are made up."""
    metrics = []
    for metric in scored["metrics"]:
        value = _value(scores, metric["name"])
        ends = {"low": value - 0.05, "high": value + 0.05} if value is not None else {}
        metrics.append({**metric, "value": value, **ends})
    return {**scored, "metrics": metrics}


def _value(scores: pa.Table, figure: str) -> float | None:
    statistic = Statistic(scores.schema.field(figure).metadata[b"statistic"].decode())
    values, weights = (scores.column(name).drop_null() for name in (figure, f"{figure}_weight"))
    if not len(values):
        return None
    weights = np.asarray(weights)
    return float(Contributions(np.asarray(values) * weights, weights, statistic).value)


def _record(
    cell: Cell, measured: Mapping[str, Any], quality: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "wer_value": quality["metrics"][0]["value"] if quality else None,
        "latency": measured["latency_detail"]["latency_s"] if quality else None,
        "energy": measured["energy_detail"]["energy_j"] if quality else None,
        "flops": format_flops(measured["flops_detail"]["flops"]) if quality else None,
        **measured,
        "cell": {"id": cell.id, "dataset": cell.dataset, **asdict(cell.axes)},
        "quality": quality,
    }


def _note_attempt(job: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    note = job["attempt"]
    write_attempt(Path(note["note"]), Attempt(note["key"], 1, measured["status"], []))


def _write_control(study: Study, jobs: Jobs, chance: random.Random) -> None:
    cell = study.control_cell
    if cell is None:
        return
    measured = measurement(cell.axes, QUESTION_TOKENS[cell.dataset], chance)
    _write_measurement(study.folder.control, measured, PREDICTIONS.empty_table())
    _note_attempt(jobs.build_control(cell), measured)
