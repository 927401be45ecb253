"""A divided cell is the undivided one: every sample once, in the same batches, or a reason."""

import json
import pickle
from dataclasses import asdict, replace
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from figures_factory import make_figures
from hypothesis import given
from hypothesis import strategies as st
from job_factory import AXES, make_setup

from vlmeter.cell.answer_shard import ShardOutputs, find_borders
from vlmeter.cell.ending import Ending
from vlmeter.cell.gather_shards import GatheredOutputs, gather_shards
from vlmeter.cell.job import CellInputs, JobAttempt, Shard, ShardJob
from vlmeter.cell.measurement import Measurement
from vlmeter.cell.shard import ShardManifest
from vlmeter.data.manifests import ImagesManifest
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.errors import UserError
from vlmeter.results.cell import RecordCell
from vlmeter.status import Status
from vlmeter.storage.files import file_sha256, read_json, write_json, write_placed_json
from vlmeter.storage.parquet import read_table, write_table

SAMPLES, BATCH_SIZE = 11, 2
CELL = "shards/photos/c"
OK = Ending(Status.OK, None, None, attempt=1)


@given(samples=st.integers(0, 500), batch_size=st.integers(1, 40), shards=st.integers(1, 50))
def test_shards_meet_where_batches_do_and_are_of_a_like_size(samples, batch_size, shards):
    runs = [
        find_borders(samples, batch_size, Shard(number + 1, shards)) for number in range(shards)
    ]
    assert runs[0][0] == 0
    assert runs[-1][1] == samples
    assert all(before[1] == after[0] for before, after in pairwise(runs))
    assert all(start % batch_size == 0 or start == samples for start, _ in runs)
    batches = [-(-(stop - start) // batch_size) for start, stop in runs]
    assert max(batches) - min(batches) <= 1


def row(number):
    return {"id": f"s{number}", "prediction": f"answer {number}", "generated_tokens": number}


class Divided:
    """What `measure_costs` and three shards leave, and the gathering of it."""

    def __init__(self, folder):
        self.folder = folder
        self.costs = folder / CELL / "costs.json"
        timings = self.costs.with_name("timings.parquet")
        write_table(timings, [{"kind": "forward", "seconds": 0.1}], TIMINGS)
        cell = RecordCell(id="c", dataset="photos", **AXES.as_dict())
        figures = make_figures(cell, seconds=0.1)
        self.figures = replace(
            figures,
            input=replace(figures.input, samples=SAMPLES),
            provenance=replace(figures.provenance, images_sha256="images"),
        )
        self.write_costs(OK, self.figures, {"timings": file_sha256(timings)})
        self.shards = [self.add(number) for number in (1, 2, 3)]
        self.outputs = GatheredOutputs(
            measurement=folder / "cells/photos/c/measurement.json",
            predictions=folder / "cells/photos/c/predictions.parquet",
            timings=folder / "cells/photos/c/timings.parquet",
        )

    def write_costs(self, ending, figures, files):
        write_placed_json(self.costs, Measurement(ending, figures, files).as_plain())

    def add(self, number, **changes):
        path = self.folder / CELL / f"{number}-of-3.json"
        shard = Shard(number, shards=3)
        start, stop = find_borders(SAMPLES, BATCH_SIZE, shard)
        answers = path.with_suffix(".parquet")
        write_table(answers, map(row, range(start, stop)), PREDICTIONS)
        files = {answers.stem: file_sha256(answers)}
        manifest = ShardManifest(OK, shard, start, stop, stop - start, "images", files)
        write_placed_json(path, replace(manifest, **changes).as_plain())
        return path

    def gather(self):
        gather_shards(self.costs, self.shards, self.outputs)
        return read_json(self.outputs.measurement)


@pytest.fixture
def divided(tmp_path):
    return Divided(tmp_path)


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    """A divided cell that is whole, and what is gathered of it."""
    divided = Divided(tmp_path_factory.mktemp("gathered"))
    return divided, divided.gather()


def test_what_is_gathered_is_what_an_undivided_cell_leaves(divided, tmp_path):
    measurement = divided.gather()
    write_table(tmp_path / "whole.parquet", map(row, range(SAMPLES)), PREDICTIONS)
    predictions, timings = divided.outputs.predictions, divided.outputs.timings
    assert predictions.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert timings.read_bytes() == divided.costs.with_name("timings.parquet").read_bytes()
    plain = json.loads(divided.outputs.measurement.read_text(encoding="utf-8"))
    assert plain["place"] == "cells/photos/c/measurement.json"
    assert measurement == {
        **read_json(divided.costs),
        "files": {"predictions": file_sha256(predictions), "timings": file_sha256(timings)},
    }


@pytest.mark.parametrize("status", ["crashed", "out_of_memory", "unsupported", "unavailable"])
def test_a_cell_ends_as_its_shard_did(divided, status):
    divided.add(2, ending=Ending(Status(status), "why", None, attempt=2))
    measurement = divided.gather()
    files = measurement.pop("files")
    assert measurement == {
        "status": status,
        "reason": "shard 2 of 3: why",
        "traceback": None,
        "attempt": 2,
    }
    assert set(files) == {"predictions", "timings"}
    assert read_table(divided.outputs.predictions) == read_table(divided.outputs.timings) == []


@pytest.fixture
def answered(divided):
    """A cell with the answers of another, which was measured whole."""
    folder = divided.folder / "cells/photos/other"
    answers, measurement = folder / "predictions.parquet", folder / "measurement.json"
    write_table(answers, map(row, range(SAMPLES)), PREDICTIONS)
    files = {"predictions": file_sha256(answers)}
    write_placed_json(measurement, Measurement(OK, divided.figures, files).as_plain())
    divided.shards = [measurement]
    return divided


def test_the_answers_of_another_cell_are_as_good_as_shards(answered, gathered):
    assert answered.gather() == gathered[1]
    answers = answered.shards[0].with_name("predictions.parquet")
    assert answered.outputs.predictions.read_bytes() == answers.read_bytes()


def test_a_cell_ends_as_the_one_did_that_answered(answered):
    failure = Measurement(Ending(Status.CRASHED, "why", None, 2), None, {"predictions": "x"})
    write_placed_json(answered.shards[0], failure.as_plain())
    measurement = answered.gather()
    reason = "cell other, which has the same answers: why"
    assert (measurement["status"], measurement["reason"]) == ("crashed", reason)
    assert read_table(answered.outputs.predictions) == []


@pytest.mark.parametrize("fault", ["images", "samples", "answers"])
def test_the_answers_to_something_else_are_refused(answered, fault):
    answers = answered.shards[0].with_name("predictions.parquet")
    figures, files = answered.figures, {"predictions": file_sha256(answers)}
    if fault == "images":
        figures = replace(figures, provenance=replace(figures.provenance, images_sha256="others"))
    elif fault == "samples":
        figures = replace(figures, input=replace(figures.input, samples=SAMPLES - 1))
    else:
        answers.write_bytes(answers.read_bytes()[:-1])
    write_placed_json(answered.shards[0], Measurement(OK, figures, files).as_plain())
    with pytest.raises(UserError, match=r"cells/photos/other/\w+\.\w+ (is|ends) .*[dD]elete"):
        answered.gather()


def test_a_cell_whose_costs_failed_ends_as_they_did(divided):
    failure = Ending(Status.ERROR, "a bug", "Traceback", attempt=1)
    divided.write_costs(failure, None, {})
    divided.add(1, ending=Ending(Status.CRASHED, "why", None, attempt=1))
    measurement = divided.gather()
    assert {name: measurement[name] for name in vars(failure)} == vars(failure)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images_sha256": "others"}, r"2-of-3\.json is of other images than the costs"),
        ({"start": 2}, r"2-of-3\.json does not go on where the shard before ended"),
        ({"rows": 3}, r"2-of-3\.json does not go on where the shard before ended"),
        ({"files": {"2-of-3": "x"}}, r"2-of-3\.parquet is damaged: .* delete \S+2-of-3\.json"),
    ],
)
def test_a_shard_of_something_else_is_refused(divided, changes, sentence):
    divided.add(2, **changes)
    with pytest.raises(UserError, match=sentence):
        divided.gather()
    assert not divided.outputs.measurement.exists()


def test_a_shard_that_is_damaged_or_missing_is_refused(divided):
    answers = divided.shards[2].with_suffix(".parquet")
    data = bytearray(answers.read_bytes())
    data[20] ^= 1
    answers.write_bytes(data)
    with pytest.raises(UserError, match=r"3-of-3\.parquet is damaged"):
        divided.gather()
    answers.unlink()
    with pytest.raises(UserError, match=r"3-of-3\.parquet is missing"):
        divided.gather()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("place", "other"), list(permutations(range(3), 2)))
def test_files_of_another_shard_in_a_shard_s_place_are_refused(divided, place, other, count):
    suffixes = (".parquet", ".json")[:count]
    for suffix in suffixes:
        source = divided.shards[other].with_suffix(suffix)
        divided.shards[place].with_suffix(suffix).write_bytes(source.read_bytes())
    with pytest.raises(UserError, match=rf"/{place + 1}-of-3\.\w+ is .*[dD]elete"):
        divided.gather()


@given(place=st.integers(0, 2), suffix=st.sampled_from([".json", ".parquet"]), data=st.data())
def test_a_byte_of_a_shard_that_changes_is_noticed_or_changes_nothing(
    gathered, place, suffix, data
):
    divided, expected = gathered
    path = divided.shards[place].with_suffix(suffix)
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[at] ^ data.draw(st.integers(1, 255))
    path.write_bytes(content[:at] + bytes([changed]) + content[at + 1 :])
    try:
        assert divided.gather() == expected
    except UserError as error:
        assert f"{place + 1}-of-3" in str(error)
    finally:
        path.write_bytes(content)


def test_too_few_shards_are_noticed(divided):
    divided.shards.pop()
    with pytest.raises(UserError, match=r"2-of-3\.json ends at sample \d+ of 11"):
        divided.gather()


def test_an_empty_shard_opens_no_model(tmp_path, run_python):
    """More shards than batches: a child that imported torch would fail without a model."""
    images = ImagesManifest("photos", 28, "samples", n=3, bad_samples=[], sha256="images")
    write_json(tmp_path / "images.json", asdict(images))
    job = ShardJob(make_setup(batch_size=4), "abc", {}, Shard(number=1, shards=2))
    attempt = JobAttempt(count=1, key="k", note=str(tmp_path / "note.json"))
    inputs = CellInputs(tmp_path / "images.json", model=Path("there is none"))
    outputs = ShardOutputs(tmp_path / "1-of-2.parquet", tmp_path / "1-of-2.json")
    call = pickle.dumps((job, attempt, inputs, outputs))
    run_python(
        "import pickle\n"
        "from vlmeter.cell.answer_shard import answer_shard\n"
        f"answer_shard(*pickle.loads({call!r}), 60)"
    )
    manifest = read_json(outputs.manifest)
    assert manifest["shard"] == {"number": 1, "shards": 2}
    assert (manifest["status"], manifest["start"], manifest["stop"], manifest["rows"]) == (
        "ok",
        0,
        0,
        0,
    )
    assert json.loads(outputs.manifest.read_text(encoding="utf-8"))["place"] == "1-of-2.json"
    assert read_table(outputs.answers) == []
