import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from vlmeter.errors import UserError
from vlmeter.results.publish import KeptStudy, make_folder_name, publish
from vlmeter.storage.files import write_json, write_text
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.typed import from_plain

REPOSITORY = Path(__file__).parents[3]
MACHINE = {"gpus": [{"name": "NVIDIA H200"}], "cpu": {"name": "Intel(R) Xeon(R) @ 2.20GHz"}}


def finished_study(folder: Path, name: str = "small", **summary: str) -> Path:
    """Results of a study whose cells ended on a device as `summary` says, by default on the GPU."""
    results = folder / "results" / name
    rows = [{"device": key, "status": value} for key, value in (summary or {"cuda": "ok"}).items()]
    write_json(results / "check.json", {})
    write_json(results / "study.json", {"machine": MACHINE, "summary": rows})
    write_json(results / "machine.json", MACHINE)
    tables = ("summary.csv", "differences.csv", "repeatability.json")
    pages = ("report.md", "report.ru.md", "study.html", "study.ru.html", "config.yaml")
    pictures = ("figures/a.svg", "figures/layers/b.svg", "gallery/answers.json", "gallery/q1.jpg")
    for file in (*pages, *tables, *pictures, "tables.json", "figures/note.txt"):
        write_text(results / file, f"{name}: {file}")
    write_text(results / "cells" / "coco" / "record.json", "{}")
    return results


def test_the_report_its_tables_and_figures_are_kept_under_the_devices_name(tmp_path: Path) -> None:
    folder = publish(StudyFolder(finished_study(tmp_path)), tmp_path / "docs")
    assert folder == tmp_path / "docs" / "nvidia-h200" / "small"
    kept = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert kept == [
        "config.yaml",
        "differences.csv",
        "figures/a.svg",
        "figures/layers/b.svg",
        "gallery/answers.json",
        "gallery/q1.jpg",
        "machine.json",
        "repeatability.json",
        "report.md",
        "report.ru.md",
        "study.html",
        "study.json",
        "study.ru.html",
        "summary.csv",
    ]
    for name in kept:
        assert (folder / name).read_bytes() == (tmp_path / "results/small" / name).read_bytes()


def make_study(machine: dict[str, Any], summary: list[dict[str, str]]) -> KeptStudy:
    return from_plain(KeptStudy, {"machine": machine, "summary": summary}, Path("study.json"))


def test_an_unfinished_study_is_refused(tmp_path: Path) -> None:
    results = finished_study(tmp_path)
    (results / "check.json").unlink()
    with pytest.raises(UserError, match="is not finished"):
        publish(StudyFolder(results), tmp_path / "docs")


@pytest.mark.parametrize(
    ("summary", "name"),
    [
        ({"cuda": "ok", "cpu": "ok"}, "NVIDIA H200"),
        ({"cpu": "ok"}, MACHINE["cpu"]["name"]),
        # The card is there, and nothing was measured on it.
        ({"cuda": "unavailable", "cpu": "ok"}, MACHINE["cpu"]["name"]),
    ],
)
def test_a_study_is_named_after_the_device_that_it_measured(
    summary: dict[str, str], name: str
) -> None:
    rows = [{"device": key, "status": value} for key, value in summary.items()]
    assert make_study(MACHINE, rows).name_device() == name


def test_a_machine_without_a_gpu_is_named_after_its_processor() -> None:
    rows = [{"device": "cpu", "status": "ok"}]
    machine = {"gpus": [], "cpu": {"name": "AMD EPYC"}}
    assert make_study(machine, rows).name_device() == "AMD EPYC"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", "intel-xeon-gold-6338-cpu-2-00ghz"),
        ("Intel(R) Core(TM) i9-13900K", "intel-core-i9-13900k"),
        ("NVIDIA GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
    ],
)
def test_a_folders_name_has_no_marks_of_trade(name: str, folder: str) -> None:
    assert make_folder_name(name) == folder


def test_what_belongs_to_a_study_is_kept_beside_it_and_listed(tmp_path: Path) -> None:
    truth = tmp_path / "check" / "truth.md"
    write_text(truth, "the truth")
    docs = tmp_path / "docs"
    folder = publish(StudyFolder(finished_study(tmp_path)), docs, [truth])
    assert (folder / "truth.md").read_text() == "the truth"
    publish(StudyFolder(finished_study(tmp_path, "other", cpu="ok", cuda="unavailable")), docs)
    rows = [line for line in (docs / "README.md").read_text().splitlines() if "small" in line]
    assert rows == [
        "| NVIDIA H200 | small | 1 of 1 | [report.md](nvidia-h200/small/report.md), "
        "[study.html](nvidia-h200/small/study.html), [summary.csv](nvidia-h200/small/summary.csv), "
        "[truth.md](nvidia-h200/small/truth.md) |"
    ]
    assert "| other | 1 of 2 |" in (docs / "README.md").read_text()


def test_a_file_that_is_not_there_is_named_before_anything_is_copied(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"truth\.md: no such file"):
        publish(StudyFolder(finished_study(tmp_path)), tmp_path / "docs", [tmp_path / "truth.md"])
    assert not (tmp_path / "docs").exists()


def architecture(suffix: str) -> dict[str, Any]:
    file = REPOSITORY / f"config/blip2-architecture{suffix}.yaml"
    return dict(yaml.safe_load(file.read_text()))


def test_the_processors_study_has_the_model_and_the_prompts_of_the_gpus() -> None:
    cpu, gpu = architecture("-cpu"), architecture("")
    assert cpu["models"] == gpu["models"]
    sources = [
        {name: block["source"] for name, block in study["datasets"].items()} for study in (cpu, gpu)
    ]
    assert sources[0] == sources[1]
    # Few processors have instructions for bf16, which the GPU's study gives to its one CPU cell;
    # none generates as fast.
    base = {**gpu["base"], "device": "cpu", "dtype": "fp32", "batch_size": 8, "new_tokens": 4}
    assert cpu["base"] == base
    assert json.dumps(cpu["report"]) == json.dumps(gpu["report"])
