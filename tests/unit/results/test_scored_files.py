"""Scoring refuses by name what is damaged, missing or of other samples."""

from dataclasses import asdict

import pyarrow.parquet as pq
import pytest
from scored_study import MEASUREMENT, SAMPLES, Study

from vlmeter.data.job import DataSource, Sampling
from vlmeter.data.manifests import SamplesManifest
from vlmeter.errors import UserError
from vlmeter.storage.files import file_sha256, write_json


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


@pytest.mark.parametrize("key", ["status", "reason", "attempt"])
def test_a_measurement_without_a_field_is_named(study, key):
    write_json(study.measurement, {k: v for k, v in MEASUREMENT.items() if k != key})
    with pytest.raises(UserError, match=rf"measurement\.json lacks '{key}'"):
        study.score()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"latency_detail": None}, r"measurement\.json: latency_detail is None, not a table"),
        ({"energy_detail": {}}, r"measurement\.json lacks energy_detail\.energy_j"),
        (
            {"latency_detail": MEASUREMENT["latency_detail"] | {"mean_s": "long"}},
            r"latency_detail\.mean_s is 'long', not a number",
        ),
        ({"status": "fine"}, r"measurement\.json: status 'fine' is none of 'crashed', 'error'"),
    ],
)
def test_a_measurement_that_contradicts_itself_is_named(study, changes, sentence):
    write_json(study.measurement, MEASUREMENT | changes)
    with pytest.raises(UserError, match=sentence):
        study.score()


@pytest.mark.parametrize("name", ["measurement", "predictions", "samples"])
def test_a_file_that_is_cut_short_or_missing_is_named(study, name):
    path = getattr(study, name)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=rf"{path.name} cannot be read as"):
        study.score()
    path.unlink()
    with pytest.raises(UserError, match=rf"{path.name} is missing"):
        study.score()
    assert not study.record.exists()


def test_a_table_without_a_column_is_named(study):
    study.write(study.predictions, {"id": ["1"], "text": ["a"]})
    with pytest.raises(UserError, match=r"predictions\.parquet lacks the column prediction"):
        study.score()


def test_a_sample_id_that_stands_twice_is_refused(study):
    study.write(study.samples, SAMPLES | {"id": ["1", "2", "2"]})
    with pytest.raises(UserError, match=r"samples\.parquet holds more than one sample of id '2'"):
        study.score()


def damage(path):
    """Replace a table by another that can be read as well."""
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows - 1), path)


def test_a_record_holds_the_checksums_of_its_tables(study):
    digests = {
        "predictions": file_sha256(study.predictions),
        "timings": "as the cell wrote it",
    }
    write_json(study.measurement, {**MEASUREMENT, "files": digests})
    files = study.score()["files"]
    assert files == {**digests, "scores": file_sha256(study.scores)}


def test_predictions_that_are_not_what_the_cell_wrote_are_named(study):
    digests = {"predictions": file_sha256(study.predictions)}
    write_json(study.measurement, {**MEASUREMENT, "files": digests})
    damage(study.predictions)
    with pytest.raises(UserError, match=rf"{study.predictions} is damaged"):
        study.score()
    assert not study.record.exists()


def describe_samples(study):
    """Write the manifest of the study's samples, which its cell answered."""
    sha256 = file_sha256(study.samples)
    manifest = study.samples.with_suffix(".json")
    source, drawn = DataSource(path="photos"), Sampling(n=3, seed=0)
    described = SamplesManifest("demo", "caption", source, None, None, None, drawn, 3, [], sha256)
    write_json(manifest, asdict(described))
    provenance = {**MEASUREMENT["provenance"], "samples_sha256": sha256}
    write_json(study.measurement, {**MEASUREMENT, "provenance": provenance})
    return manifest


@pytest.mark.parametrize("replaced", ["measurement", "samples"])
def test_answers_to_other_samples_are_not_scored(study, replaced):
    """Of a study with the same names: each file is whole, and lies in a place like its own."""
    manifest = describe_samples(study)
    study.score()
    if replaced == "measurement":
        write_json(study.measurement, MEASUREMENT)
    else:
        kept = study.measurement.read_bytes()
        study.write(study.samples, {**SAMPLES, "references": [["a"], ["b"], ["c"]]})
        assert describe_samples(study) == manifest
        study.measurement.write_bytes(kept)
    words = rf"{study.measurement} is of other samples than {study.samples}: delete the one that"
    with pytest.raises(UserError, match=words):
        study.score()


def test_samples_that_are_not_what_was_fetched_are_named_with_their_manifest(study):
    manifest = describe_samples(study)
    study.score()
    damage(study.samples)
    with pytest.raises(UserError, match=rf"{study.samples} is damaged.*{manifest}"):
        study.score()
