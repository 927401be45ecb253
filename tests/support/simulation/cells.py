"""Whole jobs on a simulated machine, from a study's files to the rows of its tables."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from job_factory import FIRST_ATTEMPT, get_optimization, make_cell_job, make_layers_job
from machines import ENERGY_SETTINGS, make_machine_job
from stored_data import make_model_job, write_samples

from simulation.ledger import Pass
from simulation.machine import Settings, SimulatedMachine
from vlmeter.cell import frame
from vlmeter.cell.job import CellInputs, CellJob, LayersJob
from vlmeter.cell.measurement import Figures, read_measurement
from vlmeter.cell.profile_layers import LayersOutputs, profile_layers
from vlmeter.cell.run_inference import CellOutputs, run_inference
from vlmeter.data.manifests import UnusableSample
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.machine.environment import choose_settings
from vlmeter.machine.measure_machine import measure_machine
from vlmeter.measure.settings import MeasureSettings
from vlmeter.models.manifest import read_model_manifest, write_model_manifest
from vlmeter.models.prepare_model import prepare_model
from vlmeter.results.aggregate import aggregate
from vlmeter.results.cell import RecordCell
from vlmeter.results.comparisons import Comparisons
from vlmeter.results.job import ScoreJob
from vlmeter.results.layer_row import LayerRow
from vlmeter.results.score_predictions import score_predictions
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import read_layers, read_summary

QUESTIONS = ("what colour", "is the cat red ? one two", "what is the dog ?", "cat", "dog")
BROKEN = UnusableSample("broken", "its image cannot be decoded (no known image format)")
REVISION, LICENCE = "5e1f" * 10, "mit"
NEW_TOKENS = 5
MEASURE = MeasureSettings(
    window_s=6.0,
    min_iterations=30,
    repeats=5,
    target_interval=0.02,
    max_warmup_s=5.0,
    batches=2,
    request=True,
    energy=ENERGY_SETTINGS,
)
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class StudyFiles:
    """What the jobs before a cell leave."""

    folder: Path
    checkpoint: Path
    images: Path
    model: Path
    machines: dict[bool, Path]
    """The machine's description, by whether its processors have energy counters."""

    @property
    def inputs(self) -> CellInputs:
        """What a cell is opened from."""
        return CellInputs(images=self.images, model=self.model)


def write_study(folder: Path, checkpoint: Path, pictures: list[bytes]) -> StudyFiles:
    """Store a model and samples, and describe the simulated machine."""
    files = StudyFiles(
        folder,
        checkpoint,
        images=folder / "data/photos/img28/images.json",
        model=folder / "models/tiny-fp32.json",
        machines={rapl: folder / f"machine-{rapl}.json" for rapl in (False, True)},
    )
    prepare_model(make_model_job(checkpoint), files.model)
    # As from the Hub.
    manifest = replace(read_model_manifest(files.model), revision=REVISION, licence=LICENCE)
    write_model_manifest(files.model, manifest)
    rows = [
        {"id": f"s{index}", "image": picture, "question": question, "references": ["a cat"]}
        for index, (question, picture) in enumerate(zip(QUESTIONS, pictures, strict=True))
    ]
    broken = {"id": BROKEN.id, "image": b"x", "question": "", "references": ["a dog"]}
    samples = write_samples(folder / "data/photos/samples.parquet", [*rows, broken])
    preprocess_images(samples, 28, files.images.with_suffix(".parquet"), files.images)
    job = make_machine_job(("cpu", "fp32"), ("cuda", "fp32"), energy=MEASURE.energy)
    for has_rapl, path in files.machines.items():
        machine = SimulatedMachine(Settings(has_rapl=has_rapl))
        with machine.installed(), machine.computing_peaks():
            measure_machine(replace(job, idle_window_s=5.0), path)
    return files


@dataclass(frozen=True)
class SimulatedCell:
    """A cell that was measured, with the machine as it was left."""

    machine: SimulatedMachine
    job: CellJob
    figures: Figures
    row: SummaryRow
    """As it is read from the table."""
    folder: Path

    @property
    def passes(self) -> list[Pass]:
        """Every pass, in order."""
        assert self.machine.model is not None
        return self.machine.model.passes

    def list_passes(self, kind: str, new_tokens: int | None = None) -> list[Pass]:
        """Return those of a kind and length."""
        return [it for it in self.passes if (it.kind, it.new_tokens) == (kind, new_tokens)]


def make_job(device: str, gpus: int = 0, optimization: str = "eager", **settings: Any) -> CellJob:
    """Return the job of a cell."""
    job = make_cell_job(device=device, gpus=gpus, optimization=get_optimization(optimization))
    axes = replace(job.cell.axes, optimization=optimization, new_tokens=NEW_TOKENS)
    cell = replace(job.cell, axes=axes)
    return replace(job, cell=cell, measure=replace(MEASURE, **settings))


def run_cell(study: StudyFiles, settings: Settings, job: CellJob, folder: Path) -> SimulatedCell:
    """Measure and score a cell, and put it into a table, all by the jobs of the package."""
    machine = SimulatedMachine(settings)
    outputs = CellOutputs(
        folder / "measurement.json", folder / "timings.parquet", folder / "predictions.parquet"
    )
    with machine.installed(), _in_this_process():
        attempt = replace(FIRST_ATTEMPT, note=str(folder / "note.json"))
        run_inference(
            job, attempt, study.inputs, study.machines[settings.has_rapl], outputs, TIMEOUT_S
        )
    measured = read_measurement(outputs.measurement)
    assert measured.figures is not None, measured.ending
    cell = RecordCell(id=job.cell.id, dataset=job.cell.dataset, **job.cell.axes.as_dict())
    score_predictions(
        outputs.measurement,
        folder / "predictions.parquet",
        study.folder / "data/photos/samples.parquet",
        folder / "record.json",
        ScoreJob(cell=cell, task=job.cell.task, seed=0, resamples=20),
    )
    _aggregate(folder, records=[folder / "record.json"])
    (row,) = read_summary(folder / "summary.csv").values()
    return SimulatedCell(machine, job, measured.figures, row, folder)


@dataclass(frozen=True)
class SimulatedProfile:
    """A cell that was profiled layer by layer."""

    machine: SimulatedMachine
    job: LayersJob
    record: Path
    """The JSON beside the table."""
    plain: dict[str, Any]
    """Its content."""
    rows: list[LayerRow]

    @property
    def passes(self) -> list[Pass]:
        """Every pass, in order."""
        assert self.machine.model is not None
        return self.machine.model.passes


def run_profile(
    study: StudyFiles, settings: Settings, folder: Path, iterations: int = 3
) -> SimulatedProfile:
    """Profile a cell and put it into a table, by the jobs of the package."""
    from vlmeter.storage.files import read_json

    machine = SimulatedMachine(settings)
    gpus = len(settings.shown)
    device = "cuda" if gpus else "cpu"
    job = make_layers_job(
        device=device, gpus=gpus, measure=MEASURE, iterations=iterations, new_tokens=NEW_TOKENS
    )
    outputs = LayersOutputs(folder / "layers/c.csv", folder / "layers/c.json")
    with machine.installed(), _in_this_process():
        attempt = replace(FIRST_ATTEMPT, note=str(folder / "note.json"))
        profile_layers(job, attempt, study.inputs, outputs, TIMEOUT_S)
    plain = read_json(outputs.record)
    assert plain["status"] == "ok", plain
    _aggregate(folder, tables=[outputs.table], owners=[outputs.record])
    return SimulatedProfile(machine, job, outputs.record, plain, read_layers(folder / "layers.csv"))


def _in_this_process() -> Any:
    """Run a cell's work here and not in a child, whose simulation would end with it."""
    patch = pytest.MonkeyPatch()
    for name in choose_settings(threads=1):
        # Set, so that what the job sets itself is undone.
        patch.setenv(name, "1")
    patch.setattr(frame, "run_in_child", lambda work, *_, **__: work())
    return _Undone(patch)


class _Undone:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __enter__(self) -> None:
        """Nothing more to do."""

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def _aggregate(
    folder: Path, records: list[Path] = (), tables: list[Path] = (), owners: list[Path] = ()
) -> None:
    aggregate(
        records,
        tables,
        owners,
        folder / "summary.csv",
        folder / "layers.csv",
        folder / "differences.csv",
        folder / "repeatability.json",
        Comparisons(pairs=(), seed=0, resamples=20),
    )
