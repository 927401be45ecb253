"""What the shipped studies ask for, and what a finished study leaves."""

import base64
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml
from small_study import (
    AFTER_MEASURING,
    CELLS,
    CONFIG,
    CUDA_CELL,
    LAYERS,
    MACHINE,
    REPORT,
    RESULTS,
    STUDY,
    inference,
    scores,
)
from studytree import NETWORK_LOG, SECRET, Outcome, Tree

from vlmeter.results.verify import find_damages
from vlmeter.storage.layout import StudyFolder

LOADED = re.compile(
    r"""(?:<(?:script|img|iframe|source|embed|object|image|use)\b[^>]*?\b(?:src|href|data)\s*=\s*"""
    r"""|<link\b[^>]*?\bhref\s*=\s*|url\(\s*|@import\s*|\bfetch\(\s*|\bimport\(\s*)"""
    r"""["']?(?:https?:)?//""",
    re.IGNORECASE,
)
"""What a browser would fetch by itself from elsewhere."""
KEYS = ["wer_value", "latency", "energy", "flops"]


def cells_of(outcome: Outcome) -> tuple[int, int, int]:
    """How many cells are measured, scored and profiled."""
    rules = ("run_inference", "score_predictions", "profile_layers")
    return tuple(outcome.count(rule) for rule in rules)


def embedded_pages(html: str) -> list[str]:
    """The HTML pages that a page holds as data."""
    pages = re.findall(r"data:text/html;[^,\"']*base64,([A-Za-z0-9+/=]+)", html)
    return [base64.b64decode(page).decode() for page in pages]


def test_the_first_run_runs_each_job_once(first_run: tuple[Tree, Outcome]) -> None:
    _, outcome = first_run
    data = {("download_dataset", name) for name in ("coco", "textvqa")}
    images = {
        ("preprocess_images", name, size) for name in ("coco", "textvqa") for size in ("224", "336")
    }
    prepared = MACHINE | data | images | {("fetch_model", "tiny", "fp32")}

    assert outcome.names == prepared | inference(CELLS) | scores(CELLS) | {LAYERS} | AFTER_MEASURING
    ran = [job for job in outcome.jobs if job["has_output"]]
    assert len(ran) == len(outcome.names)


def test_a_run_says_what_each_setting_cost_and_in_the_end_which_to_choose(
    first_run: tuple[Tree, Outcome],
) -> None:
    tree, outcome = first_run
    lines = [line for line in outcome.text.splitlines() if line.startswith("Setting ")]
    ended = [line.split(": ")[2] for line in lines]

    assert [line.split(":")[0] for line in lines] == [
        f"Setting {number} of {len(CELLS)}" for number in range(1, len(CELLS) + 1)
    ]
    assert sum(" a batch, " in line for line in lines) == len(CELLS) - 1
    assert ended.count("unavailable") == 1
    assert outcome.text.index(lines[-1]) < outcome.text.index(str(tree.result("study.html").name))
    assert "Host: " not in outcome.text
    assert "Reason: " not in outcome.text


def test_nothing_asks_the_network_of_its_own_accord(finished: Tree) -> None:
    """No setting kept codecarbon, huggingface_hub, transformers or Snakemake off it."""
    asked = finished.path(NETWORK_LOG)

    assert not asked.exists(), asked.read_text()


@pytest.mark.parametrize(
    "asking",
    [
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')",
        "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
        "import socket\nsocket.gethostbyname('127.0.0.1')",
    ],
)
def test_whoever_asks_the_network_would_be_noted(
    finished: Tree, tmp_path: Path, asking: str
) -> None:
    environment = {**finished.environment(), "NETWORK_LOG": str(tmp_path / "log")}

    asked = subprocess.run([sys.executable, "-c", asking], env=environment, check=False)

    assert asked.returncode == 1
    assert "127.0.0.1" in (tmp_path / "log").read_text()


def test_a_token_stands_in_no_result_log_or_note(finished: Tree) -> None:
    places = [finished.path("results"), finished.path(".snakemake"), finished.path(".captured")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]

    assert len(files) > 50
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_every_file_of_a_finished_study_is_what_was_written(finished: Tree) -> None:
    assert list(find_damages(StudyFolder(finished.result("")))) == []


def test_every_cell_leaves_a_record_with_the_source_s_four_keys_first(finished: Tree) -> None:
    records = {cell: finished.record(cell) for cell in CELLS}

    assert {cell for cell in CELLS if records[cell]["status"] == "ok"} == {*CELLS} - {CUDA_CELL}
    for record in records.values():
        assert list(record)[:4] == KEYS
    measured = records[CELLS[0]]
    assert measured["latency"] > 0
    assert measured["flops"].endswith("FLOPS")
    assert measured["energy"] is None, "a window of 50 ms is too short"
    assert measured["energy_detail"]["energy_reason"]


def test_the_published_study_has_its_cells_and_is_the_default(fresh: Tree) -> None:
    default = fresh.plan(configfile=None)

    assert cells_of(default) == (21, 21, 5)
    asking = [job for job in default.jobs if job["gpu"]]
    rules = Counter(job["rule"] for job in asking)
    assert rules == {"run_inference": 20, "profile_layers": 5, "measure_control": 1}
    cells = [job["wildcards"]["cell"] for job in asking if job["wildcards"]]
    assert all(cell.endswith("-cuda") for cell in cells)
    assert default.names == fresh.plan(configfile="config/config.yaml").names


def test_the_demo_has_the_published_sections_and_three_of_its_own(fresh: Tree) -> None:
    published, demo = (
        yaml.safe_load(fresh.path(f"config/{name}.yaml").read_text()) for name in ("config", "demo")
    )

    assert demo["sections"][:-3] == published["sections"]
    assert demo["layers"].items() >= published["layers"].items()
    own = {section["name"]: section["vary"] for section in demo["sections"][-3:]}
    assert own == {
        "prompt": {"prompt": ["bare", "family"]},
        "image_input": {"image_input": ["processor", "native"]},
        "answer_length": {"new_tokens": [8, 32]},
    }


def test_the_demo_study_has_four_cells_more_and_needs_a_gpu_for_one(fresh: Tree) -> None:
    demo = fresh.plan(configfile="config/demo.yaml")

    assert cells_of(demo) == (24, 25, 5)
    own = [
        (job["wildcards"]["dataset"], job["wildcards"]["cell"].partition("-cpu")[2])
        for job in demo.jobs
        if job["rule"] == "run_inference"
        and (job["wildcards"]["dataset"] == "lettering" or "prompt" in job["wildcards"]["cell"])
    ]
    assert sorted(own) == [
        ("lettering", ""),
        ("lettering", "-native"),
        ("textvqa", "-prompt_family"),
    ]
    (longer,) = (job["wildcards"] for job in demo.jobs if job["rule"] == "measure_costs")
    assert longer["cell"].endswith("-cpu-new32")
    assert [job["wildcards"]["dataset"] for job in demo.jobs if job["gpu"]] == ["textvqa"]


def test_a_config_file_inherits_nothing_from_the_default(fresh: Tree) -> None:
    plan = fresh.plan(configfile=CONFIG)

    datasets = {job["wildcards"].get("dataset") for job in plan.jobs} - {None}
    assert datasets == set(STUDY["datasets"])
    assert "blip2-opt-2.7b" not in plan.text


def test_a_section_s_name_is_a_target(fresh: Tree) -> None:
    plan = fresh.plan("size")

    in_section = [cell for cell in CELLS if cell[1].startswith("tiny-bs1-") and cell != CUDA_CELL]
    assert {job for job in plan.names if job[0] == "run_inference"} == inference(in_section)
    assert {job for job in plan.names if job[0] == "score_predictions"} == scores(in_section)
    assert not plan.names & REPORT


def test_snakemake_s_report_is_one_page_that_loads_nothing_from_elsewhere(tree: Tree) -> None:
    made = tree.snakemake("--report", "report.html", unaided=True)

    assert made.code == 0, made.text
    assert not tree.path(NETWORK_LOG).exists(), tree.path(NETWORK_LOG).read_text()
    page = tree.path("report.html").read_text()
    assert LOADED.findall(page) == []
    names = ("study.html", "study.ru.html", "summary.html", "differences.html", "layers.html")
    pages = [tree.result(name).read_text() for name in names]
    assert sorted(embedded_pages(page)) == sorted(pages)
    assert [name for name, read in zip(names, pages, strict=True) if LOADED.findall(read)] == []
    for name in ("summary.csv", "layers.csv", "report.md", "study.html", "layers.svg"):
        assert name in page
    assert tree.plan().names == set()


def test_no_text_of_a_config_is_a_script_in_snakemake_s_report(tree: Tree) -> None:
    """The page holds params of rules as they are."""
    harm = "</script><script>harm()</script>{{ 7 * 7 }}"
    with tree.config() as values:
        values["report"]["title"] = harm
        values["models"]["tiny"] |= {"label": harm, "licence": harm}
        values["datasets"]["coco"] |= {"label": harm, "prompts": {"bare": "<script>harm()"}}
        values["sections"][1] |= {"title": harm, "note": harm}

    made = tree.snakemake("--report", "report.html")

    assert made.code == 0, made.text
    page = tree.path("report.html").read_text()
    assert "<script>harm()" not in page
    assert "harm()" in page, "the texts are there, as texts"


def test_the_workflow_passes_snakemake_s_linter(fresh: Tree) -> None:
    linted = fresh.snakemake("--lint", configfile=None)

    assert linted.code == 0, linted.text


def test_snakemake_s_own_commands_work_on_a_finished_study(tree: Tree) -> None:
    tree.result("summary.csv").touch()
    commands = [
        (("--summary",), f"{RESULTS}/report.md"),
        (("--dag",), "digraph snakemake_dag"),
        (("--dry-run", "--until", "aggregate"), "Nothing to be done"),
        (("--dry-run", "--omit-from", "plot_section"), "Nothing to be done"),
        (("--touch", "--cores", "1"), "Nothing to be done"),
        (("--report", "report.zip"), "Report created"),
    ]
    for arguments, words in commands:
        made = tree.snakemake(*arguments)
        assert made.code == 0, made.text
        assert words in made.text, made.text[-1500:]

    assert zipfile.is_zipfile(tree.path("report.zip"))
    assert tree.plan().names == set()
