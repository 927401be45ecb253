from pathlib import Path

import pytest

from vlmeter.errors import UserError
from vlmeter.files import write_json, write_text
from vlmeter.publish import device_slug, publish


def finished_study(folder: Path) -> Path:
    results = folder / "results" / "small"
    write_json(results / "check.json", {})
    write_json(results / "machine.json", {"gpus": [{"name": "NVIDIA H200"}], "cpu": {"name": "x"}})
    tables = ("summary.csv", "differences.csv", "repeatability.json")
    for name in ("report.md", "study.html", *tables, "figures/a.svg"):
        write_text(results / name, name)
    write_text(results / "cells" / "coco" / "record.json", "{}")
    return results


def test_the_report_its_tables_and_figures_are_kept_under_the_devices_name(tmp_path: Path) -> None:
    folder = publish(finished_study(tmp_path), tmp_path / "docs")
    assert folder == tmp_path / "docs" / "nvidia-h200" / "small"
    kept = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert kept == [
        "differences.csv",
        "figures/a.svg",
        "machine.json",
        "repeatability.json",
        "report.md",
        "study.html",
        "summary.csv",
    ]


def test_an_unfinished_study_is_refused(tmp_path: Path) -> None:
    results = finished_study(tmp_path)
    (results / "check.json").unlink()
    with pytest.raises(UserError, match="is not finished"):
        publish(results, tmp_path / "docs")


def test_a_machine_without_a_gpu_is_named_after_its_processor() -> None:
    assert device_slug({"gpus": [], "cpu": {"name": "Intel(R) Xeon(R)"}}) == "intel-r-xeon-r"
