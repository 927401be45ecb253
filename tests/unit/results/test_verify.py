"""What a finished study keeps is looked at down to the last bit."""

import shutil

import pytest

from vlmeter.results.verify import Damage, find_damages, list_remakes
from vlmeter.storage.files import (
    file_sha256,
    json_digest,
    read_json,
    write_json,
    write_placed_json,
)
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.svg import write_svg


@pytest.fixture
def results(tmp_path):
    """A few files of each way in which one holds the checksum of another."""
    folder = tmp_path / "results/small"
    files = {
        "data/photos/samples.parquet": b"samples",
        "models/tiny-2.7b-fp32/model.safetensors": b"weights",
        "models/tiny-2.7b-fp32/tokenizer.json": b"another's JSON",
        "cells/photos/a/predictions.parquet": b"answers",
        "layers/photos/a.csv": b"module",
        "summary.csv": b"cell",
        "gallery/q1.jpg": b"a picture",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    of = {name: file_sha256(folder / name) for name in files}
    write_placed_json(
        folder / "data/photos/samples.json", {"sha256": of["data/photos/samples.parquet"]}
    )
    model = {
        name: {"sha256": of[f"models/tiny-2.7b-fp32/{name}"], "bytes": 7}
        for name in ("model.safetensors", "tokenizer.json")
    }
    write_placed_json(folder / "models/tiny-2.7b-fp32.json", {"files": model})
    write_placed_json(
        folder / "cells/photos/a/measurement.json",
        {"files": {"predictions": of["cells/photos/a/predictions.parquet"]}},
    )
    write_placed_json(
        folder / "layers/photos/a.json", {"files": {"table": of["layers/photos/a.csv"]}}
    )
    write_json(folder / "tables.json", {"files": {"summary.csv": of["summary.csv"]}})
    write_json(folder / "gallery/answers.json", {"files": {"q1.jpg": of["gallery/q1.jpg"]}})
    write_json(folder / "figures.json", {"files": {}})
    (folder / "figures").mkdir()
    write_svg(folder / "figures/batch.svg", "<svg/>\n")
    return folder


def test_whole_results_have_no_damages(results):
    assert list(find_damages(StudyFolder(results))) == []


@pytest.mark.parametrize("files", [{}, {"predictions": "earlier"}, {"scores": "earlier"}])
def test_a_record_of_an_earlier_measurement_blames_no_file(results, files):
    record = results / "cells/photos/a/record.json"
    write_json(record, {"files": files})

    [damage] = find_damages(StudyFolder(results))

    assert damage == Damage(f"{record} is of an earlier measurement of its cell.", record)


def test_files_that_a_study_keeps_and_that_are_not_there_are_named_once(results):
    missing = [results / "cells/photos/a/predictions.parquet", results / "check.json"]
    missing[0].unlink()

    damages = list(find_damages(StudyFolder(results), [*missing, results / "summary.csv"]))

    assert [(damage.words, damage.remake) for damage in damages] == [
        (f"{path} is missing.", path) for path in missing
    ]
    assert list_remakes(StudyFolder(results), damages) == list(map(str, missing))


def test_each_changed_file_is_named_with_what_to_delete(results):
    # What no rule makes alone is made again with its manifest.
    manifests = {
        "samples.parquet": "data/photos/samples.json",
        "model.safetensors": "models/tiny-2.7b-fp32.json",
        "tokenizer.json": "models/tiny-2.7b-fp32.json",
        "q1.jpg": "gallery/answers.json",
    }
    changed = [path for path in results.rglob("*") if path.is_file()]
    for path in changed:
        before = path.read_bytes()
        path.write_bytes(bytes([before[0] ^ 1]) + before[1:])
        # A damaged manifest says nothing about its files, and a damaged file nothing about others.
        (damage,) = find_damages(StudyFolder(results))
        assert str(path) in damage.words
        remake = results / manifests[path.name] if path.name in manifests else path
        assert damage.remake == remake
        named = (f"elete {remake}", "elete it") if remake == path else (f"elete {remake}",)
        assert any(words in damage.words for words in named)
        path.write_bytes(before)
    assert len(changed) == 15


OTHERS = {
    "a cell": ("cells/photos/a", "cells/photos/b", "measurement.json"),
    "a data set": ("data/photos", "data/exams", "samples.json"),
    "a figure": ("figures", "figures/ru", "batch.svg"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_all_files_of_another_in_its_place_are_noticed(results, name):
    """Each of them is whole, and fits the others."""
    source, target, stranger = OTHERS[name]
    shutil.copytree(results / source, results / target)
    path = results / target / stranger
    (damage,) = find_damages(StudyFolder(results))
    words = f"{path} is that of {source}/{stranger}: delete it and run again."
    assert damage == Damage(words, path)


def test_a_file_that_is_missing_is_named(results):
    (results / "summary.csv").unlink()
    (damage,) = find_damages(StudyFolder(results))
    assert damage == (
        f"{results}/summary.csv is missing: delete {results}/summary.csv and run again.",
        results / "summary.csv",
    )


def test_each_file_is_made_again_once_and_no_note_of_a_try(results):
    folder = StudyFolder(results)
    damaged = [
        Damage("one", results / "a.json"),
        Damage("a note", folder.attempts / "photos/a.json"),
        Damage("two", results / "b.csv"),
        Damage("one again", results / "a.json"),
    ]
    assert list_remakes(folder, damaged) == [f"{results}/a.json", f"{results}/b.csv"]
    assert list_remakes(folder, damaged[1:2]) == []


def test_files_of_another_study_in_the_place_of_one_s_own_are_noticed(results):
    """The other study has the same cells and samples: each of its files is whole, and they fit."""
    path, note = (
        results / "cells/photos/a/measurement.json",
        results / "attempts/cells/photos/a.json",
    )
    write_json(note, {"key": json_digest("own")})
    write_placed_json(path, read_json(path), json_digest("own"))
    assert list(find_damages(StudyFolder(results))) == []

    write_placed_json(path, read_json(path), json_digest("other"))

    (damage,) = find_damages(StudyFolder(results))
    words = (
        f"{path} was made for another study or config than {note} says: delete it and run again."
    )
    assert damage == Damage(words, path)
