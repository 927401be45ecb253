"""The page's header says what was measured, on what, when, and what it is compared with."""

import os
from dataclasses import replace

import pytest
from machines import MACHINE
from study_factory import MadeStudy

from vlmeter.machine.description import DescribedGpu
from vlmeter.reporting.header import build_header
from vlmeter.reporting.language import use_language

OUTLINE = MadeStudy().outline


@pytest.fixture
def summary_csv(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_text("", encoding="utf-8")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_the_header_names_model_machine_date_and_version(summary_csv):
    about = build_header(OUTLINE, MACHINE, summary_csv).about
    assert about[:3] == (
        "Salesforce/blip2-opt-2.7b",
        "Example CPU @ 2.50GHz, 2 cores, 4 threads",
        "14 Nov 2023",
    )
    assert about[3].startswith("VLMeter ")


def test_a_machine_with_gpus_is_named_by_them(summary_csv):
    gpus = tuple(DescribedGpu(place, "Card", f"u{place}", None, "1") for place in range(2))
    about = build_header(OUTLINE, replace(MACHINE, gpus=gpus), summary_csv).about
    assert about[1] == "2 × Card"


def test_the_base_setting_names_the_axes_that_the_study_varies(summary_csv):
    base = build_header(OUTLINE, MACHINE, summary_csv).base
    assert base == "CPU · 224 px · batch 1 · text ≤ 200 tokens · Eager"


def test_the_same_results_in_other_forms_lie_beside_the_page(summary_csv):
    with use_language("ru"):
        header = build_header(OUTLINE, MACHINE, summary_csv)
    assert header.about[2] == "14 ноября 2023"
    assert [address for _, address in header.files] == ["summary.csv", "study.json", "report.ru.md"]
