"""A file says which place it is of and what it was made for: another's in its place is refused."""

import shutil
from pathlib import Path

import pytest

from vlmeter.errors import UserError
from vlmeter.storage.files import json_digest, read_json, read_key, write_json, write_placed_json
from vlmeter.storage.layout import CellKey, StudyFolder
from vlmeter.storage.places import is_measured, name_place, say_remedy


def list_owned(root):
    """A file of each kind that many cells, data sets or models of a study have."""
    study = StudyFolder(Path(root))
    key, data = CellKey("photos", "tiny-bs1"), study.dataset("photos")
    return [
        *(study.cell(key).measurement, study.cell(key).record, study.control.measurement),
        *(study.shards(key).costs, study.shards(key).manifest(1, 2), study.layer_record(key)),
        *(data.manifest, data.images_manifest(28), study.model_manifest("tiny", "fp32")),
    ]


@pytest.mark.parametrize("root", ["small", "/data/results/models", "cells/results/control"])
def test_a_place_is_that_below_the_study_wherever_that_lies(root):
    for path in list_owned(root):
        assert name_place(path) == str(path.relative_to(root))


COPIES = {
    "of another cell": ("cells/photos/a/record.json", "cells/photos/b/record.json"),
    "of a cell on other data": ("cells/photos/a/record.json", "cells/exams/a/record.json"),
    "of the control": ("control/measurement.json", "cells/photos/a/measurement.json"),
    "of a cell's costs": ("shards/photos/a/1-of-2.json", "shards/photos/a/2-of-2.json"),
    "of another cell's shard": ("shards/photos/a/1-of-2.json", "shards/photos/b/1-of-2.json"),
    "of another profile": ("layers/photos/a.json", "layers/photos/b.json"),
    "of another data set": ("data/photos/samples.json", "data/exams/samples.json"),
    "of another size": ("data/photos/img28/images.json", "data/photos/img56/images.json"),
    "of another model": ("models/tiny-fp32.json", "models/tiny-fp16.json"),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_file_in_another_s_place_is_refused(tmp_path, name):
    source, target = COPIES[name]
    for path in (source, target):
        write_placed_json(tmp_path / path, {"latency_s": 0.25})
    shutil.copyfile(tmp_path / source, tmp_path / target)
    with pytest.raises(UserError) as raised:
        read_json(tmp_path / target)
    assert str(raised.value) == f"{tmp_path / target} is that of {source}: delete it and run again."


def test_the_place_moves_with_its_study_and_is_no_part_of_what_is_read(tmp_path, monkeypatch):
    for path in list_owned(tmp_path / "small"):
        write_placed_json(path, {"a": 1})
    shutil.move(tmp_path / "small", tmp_path / "moved")
    for path in list_owned(tmp_path / "moved"):
        assert read_json(path) == {"a": 1}
    monkeypatch.chdir(tmp_path / "moved/cells/photos")
    assert read_json(Path("tiny-bs1/record.json")) == {"a": 1}


NOTES = {
    "cells/photos/tiny-2.7b-bs1/measurement.json": "cells/photos/tiny-2.7b-bs1",
    "cells/photos/tiny-2.7b-bs1/record.json": "cells/photos/tiny-2.7b-bs1",
    "control/measurement.json": "control/photos/tiny-2.7b-bs1",
    "shards/photos/tiny-2.7b-bs1/costs.json": "cells/photos/tiny-2.7b-bs1",
    "shards/photos/tiny-2.7b-bs1/1-of-2.json": "shards/photos/tiny-2.7b-bs1.1-of-2",
    "layers/photos/tiny-2.7b-bs1.json": "layers/photos/tiny-2.7b-bs1",
    "data/photos/samples.json": "samples/photos/samples",
    "data/photos/img28-native/images.json": "images/photos/img28-native",
    "models/tiny-2.7b-fp32.json": "models/tiny-2.7b/fp32",
}
OWN, OTHER = json_digest("own"), json_digest("other")


@pytest.mark.parametrize("name", NOTES)
def test_a_file_of_another_study_in_its_place_is_refused(tmp_path, name):
    note = tmp_path / "small/attempts" / f"{NOTES[name]}.json"
    for study, key in (("small", OWN), ("other", OTHER)):
        write_placed_json(tmp_path / study / name, {"latency_s": 0.25}, key)
    write_json(note, {"key": OWN, "count": 1})
    path = tmp_path / "small" / name
    assert (read_json(path), read_key(path)) == ({"latency_s": 0.25}, OWN)

    shutil.copyfile(tmp_path / "other" / name, path)

    assert read_key(path) == OTHER
    with pytest.raises(UserError) as raised:
        read_json(path)
    assert str(raised.value) == (
        f"{path} was made for another study or config than {note} says: delete it and run again."
    )
    # Where nobody knows what it was made for, it is read.
    note.write_text('{"key": "cut sho', encoding="utf-8")
    assert read_json(path) == {"latency_s": 0.25}
    note.unlink()
    assert read_json(path) == {"latency_s": 0.25}


@pytest.mark.parametrize("value", [{}, {"a": f'"made_for": "{OTHER}"'}, {"a": "x" * 10_000}])
def test_a_key_is_read_from_the_end_of_its_file_alone(tmp_path, value):
    path = tmp_path / "cells/photos/a/record.json"
    write_placed_json(path, value, OWN)
    assert (read_key(path), read_json(path)) == (OWN, value)
    write_placed_json(path, value)
    assert (read_key(path), read_json(path)) == (None, value)
    assert read_key(tmp_path / "absent.json") is None


def test_the_key_of_a_file_is_under_its_checksum(tmp_path):
    path = tmp_path / "cells/photos/a/record.json"
    write_placed_json(path, {}, OWN)
    path.write_text(path.read_text(encoding="utf-8").replace(OWN, OTHER), encoding="utf-8")
    with pytest.raises(UserError, match="is damaged"):
        read_json(path)


MEASURED = [
    "cells/photos/a/measurement.json",
    "cells/photos/a/predictions.parquet",
    "cells/photos/a/timings.parquet",
    "control/measurement.json",
    "shards/photos/a/1-of-2.json",
    "layers/photos/a.csv",
    "data/photos/samples.json",
    "data/photos/img28/images.json",
    "models/tiny-fp32.json",
    "models/tiny-fp32/config.json",
    "machine.json",
    "machine.noted",
    "archive.json",
]
DERIVED = [
    "cells/photos/a/record.json",
    "cells/photos/a/scores.parquet",
    "figures/batch_size.svg",
    "gallery/answers.json",
    "attempts/cells/photos/a.json",
    "layers.csv",
    "summary.csv",
    "study.html",
]


@pytest.mark.parametrize(("names", "measured"), [(MEASURED, True), (DERIVED, False)])
def test_what_only_measuring_makes_is_distinguished_from_what_follows_from_it(names, measured):
    assert {name: is_measured(Path(name)) for name in names} == dict.fromkeys(names, measured)


@pytest.mark.parametrize("name", [*MEASURED, *DERIVED])
def test_what_an_imported_study_cannot_make_again_is_to_be_imported_again(tmp_path, name):
    # Folders above a study may have any name.
    root = tmp_path / "cells" / "small"
    root.mkdir(parents=True)
    imported = f"import the archive of {root} once more, into a new folder"
    here = "delete it and run again"

    assert say_remedy(root / name) == here
    write_json(root / "archive.json", {"left_out": {}})
    assert say_remedy(root / name) == here
    write_json(root / "archive.json", {"left_out": {"weights": ["models/tiny-fp32/config.json"]}})
    assert say_remedy(root / name) == (imported if name in MEASURED else here)
    (root / "archive.json").write_text("[")
    assert say_remedy(root / name) == (imported if name in MEASURED else here)
