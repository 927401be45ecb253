"""The files around one cell that is scored."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
from figures_factory import make_figures, make_flops
from record_factory import AXES, make_cell

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Measurement
from vlmeter.results.job import ScoreJob
from vlmeter.results.score_predictions import score_predictions
from vlmeter.status import Status
from vlmeter.storage.files import write_json

CELL = make_cell("demo-bs1", "demo", {**AXES, "model": "demo"})
FIGURES = make_figures(CELL, 0.03)
FIGURES = replace(
    FIGURES,
    input=replace(FIGURES.input, bad_samples=[]),
    energy_detail=replace(FIGURES.energy_detail, energy_j=7.5),
    flops_detail=make_flops(751.3e9, 1, 0.03),
)
MEASUREMENT = Measurement(Ending(Status.OK, None, None, 1), FIGURES, {}).as_plain()
JOB = ScoreJob(cell=CELL, task="caption", seed=0, resamples=50)
SAMPLES = {
    "id": ["1", "2", "3"],
    "references": [["a red car", "a car"], ["a dog"], ["a cat on a mat"]],
    "choices": [[], [], []],
    "answer_index": pa.array([None, None, None], pa.int64()),
    "image": [b"", b"", b""],
}
PREDICTIONS = {"id": ["3", "1", "2"], "prediction": ["a cat on a mat", "a bus", "dog"]}


class Study:
    """The files around one cell, and the scoring of it."""

    def __init__(self, folder):
        self.measurement = folder / "measurement.json"
        self.predictions = folder / "predictions.parquet"
        self.samples = folder / "samples.parquet"
        self.record = folder / "record.json"
        self.scores = folder / "scores.parquet"
        write_json(self.measurement, MEASUREMENT)
        self.write(self.predictions, PREDICTIONS)
        self.write(self.samples, SAMPLES)

    def write(self, path, columns):
        pq.write_table(pa.table(columns), path)

    def score(self, **options):
        job = replace(JOB, **options)
        score_predictions(self.measurement, self.predictions, self.samples, self.record, job)
        return json.loads(self.record.read_text())

    def figures(self, **options):
        metrics = self.score(**options)["quality"]["metrics"]
        return {metric["name"]: metric for metric in metrics}
