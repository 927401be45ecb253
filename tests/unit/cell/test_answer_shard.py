"""A divided cell is the undivided one: every sample once, in the same batches, or a reason."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_data import write_images_manifest

from vlmeter.cell.answer_shard import borders
from vlmeter.cell.gather_shards import gather_shards
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.errors import UserError
from vlmeter.storage.files import file_sha256, read_json, write_json
from vlmeter.storage.parquet import read_table, write_table

SAMPLES, BATCH_SIZE = 11, 2
HEADING = {"status": "ok", "reason": None, "traceback": None, "attempt": 1}


@given(samples=st.integers(0, 500), batch_size=st.integers(1, 40), shards=st.integers(1, 50))
def test_shards_meet_where_batches_do_and_are_of_a_like_size(samples, batch_size, shards):
    runs = [borders(samples, batch_size, number + 1, shards) for number in range(shards)]
    assert runs[0][0] == 0
    assert runs[-1][1] == samples
    assert all(one[1] == other[0] for one, other in pairwise(runs))
    assert all(start % batch_size == 0 or start == samples for start, _ in runs)
    batches = [-(-(stop - start) // batch_size) for start, stop in runs]
    assert max(batches) - min(batches) <= 1


def row(number):
    return {"id": f"s{number}", "prediction": f"answer {number}", "generated_tokens": number}


class Divided:
    """What `measure_costs` and three shards leave, and the gathering of it."""

    def __init__(self, folder):
        self.folder = folder
        self.costs = folder / "shards/costs.json"
        timings = self.costs.with_name("timings.parquet")
        write_table(timings, [{"kind": "forward", "seconds": 0.1}], TIMINGS)
        self.write(
            self.costs,
            latency_detail={"latency_s": 0.1},
            input={"samples": SAMPLES},
            provenance={"images_sha256": "images"},
            files={"timings": file_sha256(timings)},
        )
        self.shards = [self.add(number) for number in (1, 2, 3)]
        names = {"measurement": "json", "predictions": "parquet", "timings": "parquet"}
        self.outputs = {name: str(folder / f"cell/{name}.{end}") for name, end in names.items()}

    def write(self, path, **told):
        write_json(path, {**HEADING, **told})

    def add(self, number, **changes):
        manifest = self.folder / f"shards/{number}-of-3.json"
        start, stop = borders(SAMPLES, BATCH_SIZE, number, 3)
        answers = manifest.with_suffix(".parquet")
        write_table(answers, map(row, range(start, stop)), PREDICTIONS)
        told = {
            "shard": {"number": number, "shards": 3},
            "start": start,
            "stop": stop,
            "rows": stop - start,
            "images_sha256": "images",
            "files": {answers.stem: file_sha256(answers)},
        }
        self.write(manifest, **{**told, **changes})
        return manifest

    def gather(self):
        gather_shards(self.costs, self.shards, self.outputs)
        return read_json(Path(self.outputs["measurement"]))


@pytest.fixture
def divided(tmp_path):
    return Divided(tmp_path)


def test_what_is_gathered_is_what_an_undivided_cell_leaves(divided, tmp_path):
    told = divided.gather()
    write_table(tmp_path / "whole.parquet", map(row, range(SAMPLES)), PREDICTIONS)
    predictions, timings = (Path(divided.outputs[name]) for name in ("predictions", "timings"))
    assert predictions.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert timings.read_bytes() == divided.costs.with_name("timings.parquet").read_bytes()
    assert told == {
        **read_json(divided.costs),
        "files": {"predictions": file_sha256(predictions), "timings": file_sha256(timings)},
    }


@pytest.mark.parametrize("status", ["crashed", "out_of_memory", "unsupported", "unavailable"])
def test_a_cell_ends_as_its_shard_did(divided, status):
    divided.add(2, status=status, reason="why", attempt=2)
    told = divided.gather()
    assert {key: told[key] for key in HEADING} == {
        "status": status,
        "reason": "shard 2 of 3: why",
        "traceback": None,
        "attempt": 2,
    }
    assert set(told) == {*HEADING, "files"}
    assert [read_table(Path(divided.outputs[name])) for name in ("predictions", "timings")] == [
        [],
        [],
    ]


def test_a_cell_whose_costs_failed_ends_as_they_did(divided):
    divided.write(divided.costs, status="error", reason="a bug", traceback="Traceback", files={})
    divided.add(1, status="crashed", reason="why")
    told = divided.gather()
    assert (told["status"], told["reason"], told["traceback"]) == ("error", "a bug", "Traceback")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images_sha256": "others"}, r"2-of-3\.json is of other images than the costs"),
        ({"start": 2}, r"2-of-3\.json does not go on where the shard before ended"),
        ({"rows": 3}, r"2-of-3\.json does not go on where the shard before ended"),
        ({"files": {"2-of-3": "x"}}, r"2-of-3\.parquet is damaged: .* Delete \S+2-of-3\.json"),
    ],
)
def test_a_shard_of_something_else_is_refused(divided, changes, sentence):
    divided.add(2, **changes)
    with pytest.raises(UserError, match=sentence):
        divided.gather()
    assert not Path(divided.outputs["measurement"]).exists()


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


def test_too_few_shards_are_noticed(divided):
    divided.shards.pop()
    with pytest.raises(UserError, match=r"2-of-3\.json ends at sample \d+ of 11"):
        divided.gather()


def test_an_empty_shard_opens_no_model(tmp_path, run_python):
    """More shards than batches: a child that imported torch would say so."""
    write_images_manifest(tmp_path / "images.json", n=3)
    axes = {"device": "cpu", "batch_size": 4}
    job = {
        "cell": {"axes": axes, "gpus": 0, "measure": {"cpu_threads": 1}},
        "shard": {"number": 1, "shards": 2},
        "attempt": {"count": 1, "key": "k", "note": str(tmp_path / "note.json")},
    }
    inputs = {"images": str(tmp_path / "images.json"), "model": "there is none"}
    outputs = {name: str(tmp_path / f"1-of-2.{end}") for name, end in OUTPUTS.items()}
    run_python(
        "from vlmeter.cell.answer_shard import answer_shard\n"
        f"answer_shard({job!r}, {inputs!r}, {outputs!r}, 60)"
    )
    told = read_json(tmp_path / "1-of-2.json")
    assert (told["status"], told["start"], told["stop"], told["rows"]) == ("ok", 0, 0, 0)
    assert read_table(tmp_path / "1-of-2.parquet") == []


OUTPUTS = {"answers": "parquet", "manifest": "json"}
