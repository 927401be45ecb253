"""What is made again of a study whose files were made for something else than they would be now."""

from functools import partial

import pytest

from vlmeter.cell.attempts import Attempt, write_attempt
from vlmeter.storage.files import json_digest, write_json, write_placed_json
from vlmeter.storage.job_keys import write_job_key
from vlmeter.study.jobs import Jobs, get_attempt_key
from vlmeter.study.remakes import MeasuringJob, Remakes

OTHER = json_digest("another study")


@pytest.fixture
def made(config, tmp_path, monkeypatch):
    """The files of a cell as its study made them, by what they are, with their keys and notes."""
    monkeypatch.chdir(tmp_path)
    study = config.study()
    jobs, cell, folder = Jobs(study), study.cells[0], study.folder
    axes = cell.axes
    key = get_attempt_key(jobs.build_measurement(cell))
    write_attempt(folder.attempt("cells", *cell.key), Attempt(key, 1, "ok", []))
    prepared = {
        "samples": (folder.dataset(cell.dataset).manifest, jobs.build_dataset_key(cell.dataset)),
        "images": (
            folder.dataset(cell.dataset).images_manifest(axes.stored_size),
            jobs.build_images_key(cell.dataset, axes.stored_size),
        ),
        "model": (
            folder.model_manifest(axes.model, axes.dtype),
            jobs.build_model_key(axes.model, axes.dtype),
        ),
    }
    files = {name: path for name, (path, _) in prepared.items()}
    files |= {"measurement": folder.cell(cell.key).measurement}
    files |= {"record": folder.cell(cell.key).record}
    keys = {name: job.key for name, (_, job) in prepared.items()}
    for _, job in prepared.values():
        write_job_key(job)
    for name, path in files.items():
        write_placed_json(path, {}, keys.get(name, key))

    def list_remakes():
        jobs = Jobs(study)
        build = partial(jobs.build_measurement, cell)
        job = MeasuringJob("cells", cell, build, files["measurement"])
        return list(Remakes(study, jobs).list_of_job(job))

    return files, list_remakes


def test_what_was_made_for_what_it_would_be_now_stays(made):
    _, list_remakes = made
    assert list_remakes() == []


@pytest.mark.parametrize("name", ["samples", "images", "model", "measurement", "record"])
def test_a_file_of_another_study_is_made_again_whatever_its_own_noted(made, name):
    files, list_remakes = made
    write_placed_json(files[name], {}, OTHER)
    assert list_remakes() == [files[name]]


@pytest.mark.parametrize("name", ["samples", "images", "model", "measurement"])
def test_a_file_without_a_key_counts_as_what_is_noted(made, name):
    files, list_remakes = made
    write_placed_json(files[name], {})
    assert list_remakes() == []
    for note in files["measurement"].parents[3].joinpath("attempts").rglob("*.json"):
        write_json(note, {"key": OTHER})
    assert files[name] in list_remakes()
