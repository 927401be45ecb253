"""Every sample of a data set was scored, or is unscored with a reason: one count for all pages."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_factory import AXES, make_cell, make_figures

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Measurement
from vlmeter.data.manifests import UnusableSample
from vlmeter.results.job import ScoreJob
from vlmeter.results.record import read_record
from vlmeter.results.score_predictions import score_predictions
from vlmeter.results.summary_values import describe_bad_samples
from vlmeter.status import Status
from vlmeter.storage.files import write_json

CELL = make_cell("demo-bs1", "demo", {**AXES, "model": "demo"})
FIGURES = make_figures(CELL, 0.03)
REASON = "prediction for a sample not in the data"


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    """Score made-up answers; return the quality of the record."""
    folder = tmp_path_factory.mktemp("cell")

    def run(samples, predictions, left_out=(), not_measured=None):
        figures = replace(
            FIGURES,
            input=replace(
                FIGURES.input, bad_samples=[UnusableSample(id_, "is broken") for id_ in left_out]
            ),
        )
        measurement = Measurement(Ending(Status.OK, None, None, 1), figures, {})
        write_json(folder / "measurement.json", measurement.as_plain())
        table = {
            "id": pa.array(list(samples), pa.string()),
            "references": [["a cat"] if usable else ["?"] for usable in samples.values()],
            "choices": pa.array([[]] * len(samples), pa.list_(pa.string())),
            "answer_index": pa.array([None] * len(samples), pa.int64()),
        }
        pq.write_table(pa.table(table), folder / "samples.parquet")
        ids = pa.array(predictions, pa.string())
        answers = pa.array(["a cat"] * len(predictions), pa.string())
        pq.write_table(pa.table({"id": ids, "prediction": answers}), folder / "predictions.parquet")
        job = ScoreJob(cell=CELL, task="caption", seed=0, resamples=20, not_measured=not_measured)
        paths = [folder / name for name in ("measurement.json", "predictions.parquet",
                                            "samples.parquet", "record.json")]  # fmt: skip
        score_predictions(*paths, job)
        assert json.loads(paths[-1].read_text())["quality"]
        return read_record(paths[-1]).quality

    return run


def test_what_was_left_out_before_counts_among_the_samples(score):
    """Of three samples the first has no usable row, the second no picture, the third is scored."""
    quality = score({"b": True, "c": True}, ["c"], left_out=["a", "b"])
    assert (quality.samples, quality.scored, quality.unscored) == (3, 1, 2)
    assert describe_bad_samples(quality) == "a: is broken; b: is broken"


def test_the_cause_of_a_missing_answer_comes_before_it(score):
    quality = score({"a": True, "b": True, "c": False}, ["c"], left_out=["a"])
    assert (quality.samples, quality.scored, quality.unscored) == (3, 0, 3)
    assert [sample.reason.split(":")[0] for sample in quality.bad_samples] == [
        "is broken",
        "no prediction",
        "empty reference",
    ]


def test_where_nothing_was_to_be_scored_nothing_is_unscored(score):
    quality = score({"a": True, "b": True}, [], not_measured="random weights")
    assert (quality.samples, quality.scored, quality.unscored) == (2, 0, 0)
    assert quality.bad_samples == ()
    left = score({"a": True, "b": True}, [], left_out=["b", "x"], not_measured="random weights")
    assert (left.samples, left.scored, left.unscored) == (3, 0, 2)


IDS = st.sets(st.sampled_from("abcdef"))


@given(usable=IDS, unusable=IDS, predicted=IDS, left_out=IDS)
@settings(max_examples=40, deadline=None)
def test_scored_and_unscored_make_up_the_data_set(score, usable, unusable, predicted, left_out):
    samples = {id_: id_ in usable for id_ in sorted(usable | unusable)}
    quality = score(samples, sorted(predicted - left_out), sorted(left_out))
    assert quality.samples == quality.scored + quality.unscored
    assert quality.samples == len(samples.keys() | left_out)
    named = {sample.id for sample in quality.bad_samples if sample.reason != REASON}
    assert len(named) == quality.unscored
