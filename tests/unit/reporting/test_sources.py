import re
from pathlib import Path

from row_factory import make_row
from stored_data import write_samples
from study_factory import DATASETS, MODEL, MadeStudy
from study_steps import render_all

from vlmeter.reporting.sources import describe_datasets
from vlmeter.storage.files import read_json, write_json


def write_manifest(folder: Path, dataset: str, **changes: str) -> Path:
    path = write_samples(folder / "data" / dataset / "samples.parquet", [])
    write_json(path, {**read_json(path), **changes})
    return path


def test_the_revision_of_a_data_set_comes_from_its_manifest(tmp_path):
    manifest = write_manifest(tmp_path, "coco", revision="3bdd5827")
    render_all(MadeStudy(), tmp_path, draw=False, manifests=[manifest])
    text = (tmp_path / "report.md").read_text()
    assert "| COCO | Data set, caption | org/coco | 3bdd5827 | " in text


def test_two_samples_of_one_data_set_are_both_named():
    rows = [make_row(dataset="coco", samples_sha256=digest) for digest in ("a" * 64, "b" * 64)]
    (dataset,) = describe_datasets({"coco": DATASETS["coco"]}, rows, {})
    assert dataset.digest == f"{'a' * 12} and {'b' * 12}"


def test_licences_are_the_study_s_own_words_and_else_those_of_the_cards(tmp_path):
    study = MadeStudy()
    study.edit_model(licence=None)
    for record in study.records.values():
        if record["status"] == "ok":
            record["model"]["licence"] = "mit"
    manifests = [
        write_manifest(tmp_path, name, licence=f"the card's of {name}")
        for name in ("coco", "scienceqa")
    ]

    render_all(study, tmp_path, draw=False, manifests=manifests)

    text = (tmp_path / "report.md").read_text()
    licences = {
        line.split("|")[1].strip(): line.split("|")[-2].strip()
        for line in text.splitlines()
        if re.match(r"\| [^|]+ \| (Model|Data set,)", line)
    }
    assert licences == {
        MODEL.label: "mit",
        "COCO": "CC BY 4.0",
        "ScienceQA": "the card's of scienceqa",
        "TextVQA": "CC BY 4.0",
    }
