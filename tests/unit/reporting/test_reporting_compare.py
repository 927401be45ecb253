"""Two finished studies against each other: what differs beyond chance, and from where."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from study_factory import AXES, TEMPLATES, MadeStudy, cell_id

from vlmeter.aggregation import aggregate
from vlmeter.compare.__main__ import compare, main
from vlmeter.compare.cells import match_cells
from vlmeter.compare.figures import compared_cost, compared_quality
from vlmeter.compare.page import ComparePage, build_compare_page
from vlmeter.exports import export_study, read_exported

BASE = ("textvqa", cell_id(AXES))
FLASH = ("scienceqa", cell_id({**AXES, "batch_size": 16, "optimization": "flash_attention_2"}))
Edit = Callable[[MadeStudy], None]
NO_PAIRS: dict[str, Any] = {"pairs": [], "seed": 0, "resamples": 100}
"""Of cells within a study, which a comparison of two does not need."""


def finished(folder: Path, edit: Edit = lambda _: None, **more: Any) -> Path:
    """Make a finished study, changed as `edit` does."""
    study = MadeStudy(**more)
    edit(study)
    return finish(study, folder)


def finish(study: MadeStudy, folder: Path, plan: dict[str, Any] = NO_PAIRS) -> Path:
    """Put a study's tables and its JSON where the workflow would."""
    files = study.write(folder)
    aggregate(
        files.records,
        files.layer_tables,
        files.layer_records,
        files.summary,
        files.layers,
        files.differences,
        files.repeatability,
        plan,
    )
    export_study(
        study.outline,
        files.summary.with_suffix(".parquet"),
        files.layers,
        files.differences,
        files.repeatability,
        files.machine,
        folder / "study.json",
    )
    return folder


def slower(study: MadeStudy) -> None:
    """Take 1.5 times as long in cells of 16 samples, with other software on another machine."""
    for record in measured(study):
        if record["cell"]["batch_size"] == 16:
            record["latency"] *= 1.5
            rounds = record["latency_detail"]["rounds_s"]
            record["latency_detail"]["rounds_s"] = [one * 1.5 for one in rounds]
        record["provenance"]["software"]["torch"] = "2.14.0"
        record["provenance"]["host"] = "4058"
        record["provenance"]["cpu"]["name"] = "Another CPU"
    study.records[FLASH] = {**study.records[FLASH], "status": "out_of_memory", "reason": "full"}


def measured(study: MadeStudy) -> list[dict[str, Any]]:
    return [record for record in study.records.values() if record["status"] == "ok"]


def renamed(study: MadeStudy) -> None:
    """Give the model another name in the config, and so in every id."""
    study.records[BASE]["latency"] *= 1.001
    for record in study.records.values():
        record["cell"]["model"] = "mine"
        record["cell"]["id"] = record["cell"]["id"].replace("blip2-opt-2.7b", "mine")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("studies") / "a")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("studies") / "b", slower, odd_answers={BASE})


@pytest.fixture(scope="module")
def page(first: Path, second: Path) -> ComparePage:
    return build_compare_page(read_exported(first), read_exported(second))


@pytest.fixture(scope="module")
def reports(first: Path, second: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("compared")
    text, html = compare(first, second, folder, TEMPLATES)
    return text.read_text(), html.read_text()


def row_of(table: Any, *wanted: str) -> dict[str, str]:
    (row,) = [row for row in table.rows if set(wanted) <= set(row)]
    return dict(zip(table.headings, row, strict=True))


def part(page: ComparePage, title: str) -> Any:
    return next(one for one in page.parts if one.title == title)


def test_a_latency_beyond_the_noise_is_a_difference_and_one_within_it_is_none(page) -> None:
    table = part(page, "Latency").table
    same = row_of(table, BASE[1])
    slow = row_of(table, "textvqa", cell_id({**AXES, "batch_size": 16}))
    assert same["B less A [95 %]"] == "equal"
    assert re.fullmatch(r"\+50 % \[\+4\d %, \+5\d %\]", slow["B less A [95 %]"])
    assert part(page, "Latency").verdict.startswith(
        "19 cells: 16 more in B, 3 equal; together B takes 1.4"
    )


def test_rounds_that_differ_within_their_spread_are_no_difference(
    first: Path, tmp_path: Path
) -> None:
    def a_little(study: MadeStudy) -> None:
        for record in measured(study):
            rounds = record["latency_detail"]["rounds_s"]
            record["latency_detail"]["rounds_s"] = [one * 1.002 for one in rounds]
            record["latency"] *= 1.002

    other = finished(tmp_path / "b", a_little)
    told = part(build_compare_page(read_exported(first), read_exported(other)), "Latency")
    assert told.verdict.startswith("19 cells: 19 within the noise")
    assert all("no difference [-" in row[4] for row in told.table.rows)


def test_the_interval_of_a_cost_is_held_against_how_well_both_machines_repeat(
    first: Path, second: Path
) -> None:
    a, b = read_exported(first), read_exported(second)
    pair = next(one for one in match_cells(a.rows, b.rows).pairs if one.a["cell"] == BASE[1])

    def reach(*deviations: float) -> float:
        told = [
            replace(study, repeatability={"latency": {"cpu": {"deviation": one, "freedom": 9}}})
            for study, one in zip((a, b), deviations, strict=True)
        ]
        found = compared_cost(pair, "latency", *told).difference
        return found.high - found.estimate

    assert reach(0.0, 0.0) < reach(0.2, 0.0) < reach(0.2, 0.2)
    assert reach(0.0, 0.2) == pytest.approx(reach(0.2, 0.0), rel=0.05)


def test_a_study_that_repeats_nothing_says_that_its_intervals_are_too_narrow(
    first: Path, tmp_path: Path
) -> None:
    other = tmp_path / "b"
    shutil.copytree(first, other)
    found = read_exported(other)
    without = replace(found, repeatability={"latency": {}, "energy": {}})
    told = part(build_compare_page(read_exported(first), without), "Latency")
    assert "In B no computation was measured in two processes" in told.notes[0]


def test_answers_that_changed_are_counted(page) -> None:
    table = part(page, "Word error rate").table
    assert row_of(table, BASE[1])["Answers changed"] == "1 of 4"
    assert part(page, "Word error rate").notes == ("Compared sample by sample (paired bootstrap).",)


def test_the_same_samples_are_paired_and_others_are_not(first: Path, tmp_path: Path) -> None:
    def other_samples(study: MadeStudy) -> None:
        for record in measured(study):
            if record["cell"]["dataset"] == "textvqa":
                record["provenance"]["samples_sha256"] = "others"
            for metric in record["quality"]["metrics"]:
                for key in ("value", "low", "high"):
                    metric[key] *= 1.05

    other = finished(tmp_path / "b", other_samples)
    a, b = read_exported(first), read_exported(other)
    told = build_compare_page(a, b)
    assert any("The samples are not the same (textvqa)" in doubt for doubt in told.doubts)
    (note,) = part(told, "Word error rate").notes
    assert note.startswith("8 of 19 cells without pairing samples")
    pairs = {(pair.dataset, pair.label): pair for pair in match_cells(a.rows, b.rows).pairs}
    paired = compared_quality(
        pairs["coco", cell_id({**AXES, "batch_size": 16})], "wer", a.folder, b.folder
    )
    loose = compared_quality(pairs[BASE], "wer", a.folder, b.folder)
    assert (paired.how, loose.how) == ("paired", "unpaired")
    # 5 % more of every sample: certain where samples are paired, lost in the spread where not.
    assert paired.difference.significant
    assert not loose.difference.significant
    low, high = loose.difference.low, loose.difference.high
    value, width = loose.a, 0.04
    reach = ((1.05 * value * width) ** 2 + (value * width) ** 2) ** 0.5
    assert (low, high) == pytest.approx((0.05 * value - reach, 0.05 * value + reach))


def test_a_study_without_its_cells_is_compared_by_its_intervals(
    first: Path, tmp_path: Path
) -> None:
    shutil.copy(first / "study.json", tmp_path)
    told = build_compare_page(read_exported(first), read_exported(tmp_path))
    (note,) = part(told, "Word error rate").notes
    assert note.startswith("All cells without pairing samples")
    assert part(told, "Latency").verdict == "19 cells: 19 equal"


def test_damaged_scores_are_named(first: Path, tmp_path: Path, capsys) -> None:
    other = tmp_path / "b"
    shutil.copytree(first, other)
    scores = other / "cells" / BASE[0] / BASE[1] / "scores.parquet"
    scores.write_bytes(scores.read_bytes()[:40])
    assert_refused([str(first), str(other), "--into", str(tmp_path / "out")], str(scores))
    assert not (tmp_path / "out").exists()


def test_a_cell_that_ended_otherwise_is_told_with_both_reasons(page) -> None:
    row = row_of(page.statuses, FLASH[1])
    assert row["A"].startswith("unsupported: Blip2ForConditionalGeneration")
    assert row["B"] == "out of memory: full"
    assert len(page.statuses.rows) == 1


def test_what_differs_in_origin_and_what_does_not_stand_apart(page) -> None:
    assert row_of(page.differing, "Library torch")["B"] == "2.14.0"
    assert row_of(page.differing, "CPU") == {
        "What": "CPU",
        "A": "Example CPU @ 2.50GHz",
        "B": "Another CPU",
    }
    assert {row[0] for row in page.differing.rows} == {"Library torch", "CPU"}
    same = {row[0]: row[1] for row in page.shared.rows}
    assert same["Library transformers"] == "5.23.0"
    assert same["Commit"] == "0123abcdef0123abcdef"
    assert (same["Cores"], same["Memory"]) == ("2", "22 GiB")
    assert same["measure.window_s"] == "10.0"
    assert "Data set coco: SHA-256 of its samples" in same
    assert any("machines of different hardware" in doubt for doubt in page.doubts)


CUDA = {
    "version": "13.0",
    "matmul_fp32": "ieee",
    "convolution_fp32": "tf32",
    "cudnn_benchmark": False,
    "environment": {},
}


def on_gpu(torch: str, **settings: Any) -> Edit:
    """Let all cells be measured with this build of torch and these settings of CUDA."""

    def edit(study: MadeStudy) -> None:
        for record in measured(study):
            record["provenance"]["torch"] = {"version": torch, "matmul_precision": "highest"}
            record["provenance"]["cuda"] = {**CUDA, **settings}

    return edit


def test_settings_that_differ_between_two_gpus_are_named(tmp_path: Path) -> None:
    a = finished(tmp_path / "a", on_gpu("2.13.0+cu130"))
    other = {"NVIDIA_TF32_OVERRIDE": "0", "CUDA_LAUNCH_BLOCKING": "1"}
    b = finished(
        tmp_path / "b",
        on_gpu("2.13.0+cu126", version="12.6", convolution_fp32="ieee", environment=other),
    )
    told = build_compare_page(read_exported(a), read_exported(b))
    assert {tuple(row) for row in told.differing.rows} == {
        ("torch.version", "2.13.0+cu130", "2.13.0+cu126"),
        ("cuda.version", "13.0", "12.6"),
        ("cuda.convolution_fp32", "tf32", "ieee"),
        ("cuda.environment.CUDA_LAUNCH_BLOCKING", "–", "1"),
        ("cuda.environment.NVIDIA_TF32_OVERRIDE", "–", "0"),
    }
    same = {row[0]: row[1] for row in told.shared.rows}
    assert same["torch.matmul_precision"] == "highest"
    assert (same["cuda.cudnn_benchmark"], same["cuda.matmul_fp32"]) == ("no", "ieee")


def test_a_cell_of_other_shapes_is_marked(first: Path, tmp_path: Path) -> None:
    def longer(study: MadeStudy) -> None:
        study.records[BASE]["input"]["shape_digest"] = "another"
        study.records[BASE]["latency"] *= 1.001

    told = build_compare_page(read_exported(first), read_exported(finished(tmp_path / "b", longer)))
    assert any(
        doubt.startswith("1 of 19 cells did not get the same tokens") for doubt in told.doubts
    )
    marks = {row[1]: row[-1] for row in part(told, "Latency").table.rows}
    assert marks.pop(BASE[1]) == "* other"
    assert set(marks.values()) == {"same"}


def test_cells_that_stand_in_one_alone_are_named(first: Path, tmp_path: Path) -> None:
    def fewer(study: MadeStudy) -> None:
        del study.records[FLASH]

    told = build_compare_page(read_exported(first), read_exported(finished(tmp_path / "b", fewer)))
    assert told.matched == 20
    assert row_of(told.only, FLASH[1])["Only in"] == "A"


def test_a_model_of_another_name_is_matched_by_the_other_axes(first: Path, tmp_path: Path) -> None:
    told = build_compare_page(
        read_exported(first), read_exported(finished(tmp_path / "b", renamed))
    )
    assert told.matched == 21
    assert told.only is None
    assert any("blip2-opt-2.7b with mine" in doubt for doubt in told.doubts)
    assert f"{BASE[1]} / {BASE[1].replace('blip2-opt-2.7b', 'mine')}" in {
        row[1] for row in part(told, "Latency").table.rows
    }


def test_two_models_at_one_setting_leave_a_choice_and_match_nothing() -> None:
    def rows(*models: str) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            ("textvqa", f"{model}-bs1"): {
                **AXES,
                "dataset": "textvqa",
                "model": model,
                "cell": model,
            }
            for model in models
        }

    told = match_cells(rows("one", "two", "same"), rows("three", "same"))
    assert [(pair.a["model"], pair.b["model"]) for pair in told.pairs] == [("same", "same")]
    assert [row["model"] for row in told.only_a] == ["one", "two"]
    assert [row["model"] for row in told.only_b] == ["three"]
    only = match_cells(rows("one"), rows("three"))
    assert [(pair.a["model"], pair.b["model"]) for pair in only.pairs] == [("one", "three")]


def test_a_study_against_itself_differs_in_nothing(first: Path) -> None:
    told = build_compare_page(read_exported(first), read_exported(first))
    assert told.differing is None
    assert told.statuses is None
    assert told.doubts == ()
    assert {re.sub(r"^\d+ cells: \d+ ", "", verdict) for _, verdict in told.verdicts} == {"equal"}


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.outside: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._tag = tag
        self.outside += [value for name, value in attrs if name in ("src", "href") and value]
        assert tag not in ("script", "iframe", "object")

    def handle_data(self, data: str) -> None:
        if self._tag in ("h2", "h3") and data.strip():
            self.headings.append(data.strip())
            self._tag = ""


def test_markdown_and_html_say_the_same_and_the_page_needs_nothing_else(reports) -> None:
    text, html = reports
    parser = _Outline()
    parser.feed(html)
    of_text = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert [one for one in parser.headings if one in of_text] == of_text
    assert {one for one in parser.outside if not one.startswith("#")} == {"data:,"}
    for verdict in ("16 more in B, 3 equal", "19 equal", "Another CPU", "out of memory"):
        assert verdict in text.replace("\\", "")
        assert verdict in html


def test_the_report_is_the_same_every_time(first: Path, second: Path, tmp_path: Path) -> None:
    again = [
        [path.read_text() for path in compare(first, second, tmp_path / name, TEMPLATES)]
        for name in ("one", "two")
    ]
    assert again[0] == again[1]


def test_hostile_texts_stay_in_their_place(first: Path, tmp_path: Path) -> None:
    bad = '<script>alert("x")</script><img src=x onerror=y> | `a` ]](http://evil) \x00\x1b[31m'

    def spoil(study: MadeStudy) -> None:
        study.outline["study"] = study.outline["title"] = bad
        study.records[FLASH] |= {"status": "error", "reason": bad}
        for record in measured(study):
            record["provenance"]["os"] = record["quality"]["definition"] = bad
            record["cell"]["model"] = bad
            record["quality"]["metrics"][3]["label"] = bad

    hostile = finished(tmp_path / "b", spoil)
    text, html = (path.read_text() for path in compare(first, hostile, tmp_path / "out", TEMPLATES))
    _Outline().feed(html)
    assert "<script" not in text + html
    assert "<img" not in text + html
    assert "](http://evil" not in text
    assert "\x1b" not in text + html


def test_the_command_writes_to_the_folder_that_is_named(
    first: Path, second: Path, tmp_path: Path, monkeypatch, capsys, repository: Path
) -> None:
    monkeypatch.chdir(repository)
    main([str(first), str(second), "--into", str(tmp_path / "out")])
    told = capsys.readouterr().out.splitlines()
    assert told == [str(tmp_path / "out" / name) for name in ("compare.md", "compare.html")]
    assert all(Path(name).stat().st_size > 1000 for name in told)


def assert_refused(arguments: list[str], *words: str) -> None:
    with pytest.raises(SystemExit) as told:
        main(arguments)
    sentence = str(told.value.code)
    assert len(sentence.splitlines()) == 1
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "is no folder"),
        (lambda folder: folder.mkdir(), "has no study.json"),
        (
            lambda folder: (folder.mkdir(), (folder / "study.json").write_text('{"layout": 0}')),
            "has layout 0",
        ),
    ],
)
def test_what_is_no_finished_study_is_told_in_a_sentence(
    first: Path, tmp_path: Path, monkeypatch, repository: Path, make, words: str
) -> None:
    monkeypatch.chdir(repository)
    wrong = tmp_path / "wrong"
    make(wrong)
    assert_refused([str(first), str(wrong), "--into", str(tmp_path / "out")], words, str(wrong))
    assert not (tmp_path / "out").exists()


def test_it_says_where_to_start_it(first: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused([str(first), str(first)], "start from the repository's root")


def test_make_passes_on_what_it_is_given(repository: Path) -> None:
    def make(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", "-o", "setup", "compare", *words]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    told = make("-n", "A=results/x", "B=results/y", "INTO=there").stdout
    assert 'python -m vlmeter.compare "results/x" "results/y" --into "there"' in told
    refused = make("A=results/x")
    assert refused.returncode != 0
    assert refused.stdout.strip() == "Say which: make compare A=results/x B=results/y"
