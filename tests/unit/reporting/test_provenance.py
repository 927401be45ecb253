import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from figures_factory import make_cuda_settings
from machines import ENERGY, MACHINE
from row_factory import make_row
from stored_data import write_samples
from study_factory import AXES, DATASETS, MODEL, MadeStudy, cell_id
from study_steps import render_all

from vlmeter.measure.energy.description import IdlePower
from vlmeter.reporting.language import use_language
from vlmeter.reporting.provenance import (
    describe_datasets,
    describe_origin,
    list_machine_lines,
)
from vlmeter.results.tables import read_summary
from vlmeter.storage.files import read_json, write_json


def read_rows(study, folder):
    return list(read_summary(render_all(study, folder, draw=False).summary).values())


def test_what_all_cells_share_stands_once(tmp_path):
    study = MadeStudy()
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert origin.shared == (
        ("Commit", "0123abcdef0123abcdef"),
        ("Measuring code", "c0dec0dec0dec0de"),
        ("Images made by", "PIL"),
        ("Threads", "2"),
    )
    assert origin.differing is None


def test_a_cell_that_differs_is_named_with_what_differs(tmp_path):
    study = MadeStudy()
    cell = cell_id(AXES)
    record = study.records["textvqa", cell]
    record["provenance"]["software"]["torch"] = "2.12.0"
    record["provenance"]["git"] = {"commit": "fedcba", "dirty": True}
    record["latency_detail"]["threads"] = 1
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert origin.differing is not None
    assert origin.differing.rows == (
        (
            "TextVQA",
            cell,
            "Commit: fedcba; Uncommitted changes: yes; Libraries: torch 2.12.0; Threads: 1",
        ),
    )
    text = (tmp_path / "report.md").read_text()
    assert "Settings that were measured otherwise than most:" in text
    assert f"| TextVQA | {cell} | Commit: fedcba;" in text


def test_what_decides_a_gpu_s_figures_is_named_where_one_was_used(tmp_path):
    study = MadeStudy()
    cell = cell_id(AXES)
    for record in study.records.values():
        if record["status"] == "ok":
            record["provenance"]["cuda"] = asdict(make_cuda_settings())
    own = study.records["textvqa", cell]["provenance"]
    own["torch"]["environment"] = {"KMP_BLOCKTIME": "0"}
    own["cuda"] |= {"cudnn_benchmark": True, "convolution_fp32": "ieee"}
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    words = (
        "13.0, cuDNN 91900, compute capability 9.0; fp32 products: ieee, fp32 convolutions: tf32"
    )
    assert ("CUDA", words) in origin.shared
    assert f"| CUDA | {words} |" in (tmp_path / "report.md").read_text()
    ((_, _, differs),) = origin.differing.rows
    assert differs == (
        "Settings of torch: KMP_BLOCKTIME 0; CUDA: convolution_fp32 ieee and cudnn_benchmark True"
    )


def test_a_setting_that_most_cells_have_and_another_lacks_is_named(tmp_path):
    study = MadeStudy()
    cell = cell_id(AXES)
    for record in study.records.values():
        if record["status"] == "ok":
            settings = make_cuda_settings(environment={"CUDA_LAUNCH_BLOCKING": "1"})
            record["provenance"]["cuda"] = asdict(settings)
    study.records["textvqa", cell]["provenance"]["cuda"] = asdict(make_cuda_settings())
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert [row[-1] for row in origin.differing.rows] == ["CUDA: CUDA_LAUNCH_BLOCKING –"]


def test_uncommitted_changes_are_named(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        if record["status"] == "ok":
            record["provenance"]["git"]["dirty"] = True
    origin = describe_origin(read_rows(study, tmp_path), study.outline.labels.datasets)
    assert origin.shared[0] == (
        "Commit",
        "0123abcdef0123abcdef, with changes that are not committed",
    )


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


def test_a_study_in_which_nothing_was_measured_has_no_origin(failed):
    rows = list(read_summary(failed.summary).values())
    assert describe_origin(rows, {}).shared == ()


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


@pytest.mark.parametrize(
    ("idle", "words"),
    [
        (IdlePower({"cpu": 1.6, "ram": 20.0}, {}), "CPU 1.60 W, memory 20.0 W"),
        (
            IdlePower({"cpu": None, "ram": 20.0}, {"cpu": "others took 40%"}),
            "memory 20.0 W, CPU not known: others took 40%",
        ),
        (IdlePower({}, {"machine": "no counter"}), "all devices not known: no counter"),
    ],
)
def test_idle_power_stands_with_the_reason_where_there_is_none(idle, words):
    lines = dict(list_machine_lines(replace(MACHINE, energy=replace(ENERGY, idle=idle))))
    assert lines["Idle power"] == words


def test_the_grid_s_factor_stands_with_its_source():
    lines = dict(list_machine_lines(MACHINE))
    assert lines["Grid, for CO2e"] == "0.5 kg/kWh (config)"


def test_how_energy_is_known_is_said_in_the_reader_s_language():
    energy = replace(ENERGY, cpu=replace(ENERGY.cpu, method="RAPL by codecarbon"))
    with use_language("ru"):
        lines = dict(list_machine_lines(replace(MACHINE, energy=energy)))
        assert "RAPL через codecarbon" in lines["Откуда известна энергия"]
        assert lines["Электросеть, для CO2e"] == "0,5 кг/кВт·ч (конфигурация)"
