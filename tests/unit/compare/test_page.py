"""The comparison of finished studies: what differs beyond noise, and what may cause it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from figures_factory import make_cuda_settings, make_gpu_conditions
from row_factory import make_row
from study_factory import AXES, FLASH, MadeStudy, cell_id, list_measured, slow_down
from study_steps import TEMPLATES, write_study

from vlmeter.cli import main
from vlmeter.compare.figures import compare_studies
from vlmeter.compare.page import ComparePage, build_compare_page, compare
from vlmeter.results.exported import Exported, read_exported
from vlmeter.results.matching import Rows, match_cells
from vlmeter.results.repeatability import DeviceRepeats, Repeats
from vlmeter.results.study_differences import compare_cost, compare_quality
from vlmeter.storage.layout import CellKey

BASE = ("textvqa", cell_id(AXES))
PAGES = ("compare.md", "compare.html", "compare.ru.md", "compare.ru.html")
Edit = Callable[[MadeStudy], None]


def make_finished(folder: Path, edit: Edit = lambda _: None, **more: Any) -> Path:
    """Write a finished study that `edit` has changed."""
    study = MadeStudy(**more)
    edit(study)
    return write_study(study, folder)


def rename_model(study: MadeStudy) -> None:
    """Give the model another name in the config, and thus in every id."""
    study.records[BASE]["latency"] *= 1.001
    for record in study.records.values():
        record["cell"]["model"] = "mine"
        record["cell"]["id"] = record["cell"]["id"].replace("blip2-opt-2.7b", "mine")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_finished(tmp_path_factory.mktemp("studies") / "a")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_finished(tmp_path_factory.mktemp("studies") / "b", slow_down, odd_answers={BASE})


def build_page(*studies: Path | Exported) -> ComparePage:
    base, *others = (
        study if isinstance(study, Exported) else read_exported(study) for study in studies
    )
    compared = [
        compare_studies(base, study, letter)
        for study, letter in zip(others, "BCDEFGH", strict=False)
    ]
    return build_compare_page(base, compared)


@pytest.fixture(scope="module")
def page(first: Path, second: Path) -> ComparePage:
    return build_page(first, second)


@pytest.fixture(scope="module")
def folder(first: Path, second: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on both studies, in every language."""
    into = tmp_path_factory.mktemp("compared")
    compare([first, second], into, TEMPLATES)
    return into


@pytest.fixture(scope="module")
def reports(folder: Path) -> tuple[str, str]:
    return (folder / PAGES[0]).read_text("utf-8"), (folder / PAGES[1]).read_text("utf-8")


def find_row(table: Any, *wanted: str) -> dict[str, str]:
    (row,) = [row for row in table.rows if set(wanted) <= set(row)]
    return dict(zip(table.headings, row, strict=True))


def find_part(page: ComparePage, title: str) -> Any:
    return next(part for part in page.parts if part.title == title)


def list_doubts(page: ComparePage) -> list[str]:
    return [doubt.text for doubt in page.doubts]


def test_a_latency_beyond_the_noise_is_a_difference(page) -> None:
    (table,) = find_part(page, "Latency").tables
    same = find_row(table, "TextVQA", "base setting")
    slow = find_row(table, "TextVQA", "batch 16")
    assert same["B − A [95 %]"] == "equal"
    assert re.fullmatch(r"\+50 % \[\+4\d %, \+5\d %\]", slow["B − A [95 %]"])
    (verdict,) = find_part(page, "Latency").verdicts
    assert verdict.startswith("B, 19 settings: 16 more in B, 3 equal; together B takes 1.4")
    assert page.verdicts == ("B against A: slower in 16 of 19 settings (1.50× the time).",)


def test_rounds_that_differ_within_their_spread_are_no_difference(
    first: Path, tmp_path: Path
) -> None:
    def slow_down_slightly(study: MadeStudy) -> None:
        for record in list_measured(study):
            rounds = record["latency_detail"]["rounds_s"]
            record["latency_detail"]["rounds_s"] = [seconds * 1.002 for seconds in rounds]
            record["latency"] *= 1.002

    other = make_finished(tmp_path / "b", slow_down_slightly)
    latency_part = find_part(build_page(first, other), "Latency")
    assert latency_part.verdicts[0].startswith("B, 19 settings: 19 within the noise")
    assert all("no difference [-" in row[4] for row in latency_part.tables[0].rows)


def test_the_interval_of_a_cost_contains_how_well_both_machines_repeat(
    first: Path, second: Path
) -> None:
    a, b = read_exported(first), read_exported(second)
    pair = next(
        candidate for candidate in match_cells(a.rows, b.rows).pairs if candidate.a.cell == BASE[1]
    )

    def measure_reach(*deviations: float) -> float:
        repeats = [
            Repeats(latency={"cpu": DeviceRepeats(deviation, 9, 0, 0, 0, 0)})
            for deviation in deviations
        ]
        difference = compare_cost(pair, "latency", *repeats).difference
        return difference.high - difference.estimate

    assert measure_reach(0.0, 0.0) < measure_reach(0.2, 0.0) < measure_reach(0.2, 0.2)
    assert measure_reach(0.0, 0.2) == pytest.approx(measure_reach(0.2, 0.0), rel=0.05)


def test_a_study_that_repeats_nothing_says_that_its_intervals_are_too_narrow(
    first: Path, tmp_path: Path
) -> None:
    other = tmp_path / "b"
    shutil.copytree(first, other)
    study = read_exported(other)
    without = replace(study, repeats=Repeats())
    latency_part = find_part(build_page(first, without), "Latency")
    assert "In B no computation was measured in two processes" in latency_part.notes[0]


def test_answers_that_changed_are_counted(page) -> None:
    (table,) = find_part(page, "Word error rate").tables
    assert find_row(table, "TextVQA", "base setting")["Answers changed"] == "1 of 4"
    assert find_part(page, "Word error rate").notes == (
        "B: compared sample by sample (paired bootstrap).",
    )


def test_the_same_samples_are_paired_and_others_are_not(first: Path, tmp_path: Path) -> None:
    def change_samples(study: MadeStudy) -> None:
        for record in list_measured(study):
            if record["cell"]["dataset"] == "textvqa":
                record["provenance"]["samples_sha256"] = "others"
            for metric in record["quality"]["metrics"]:
                for key in ("value", "low", "high"):
                    metric[key] *= 1.05

    other = make_finished(tmp_path / "b", change_samples)
    a, b = read_exported(first), read_exported(other)
    report = build_page(a, b)
    assert "The samples of A and B are not the same (TextVQA)" in list_doubts(report)[0]
    (note,) = find_part(report, "Word error rate").notes
    assert note.startswith("B: 8 of 19 settings without pairing samples")
    pairs = {(pair.dataset, pair.label): pair for pair in match_cells(a.rows, b.rows).pairs}
    paired = compare_quality(
        pairs["coco", cell_id({**AXES, "batch_size": 16})], "wer", a.folder, b.folder
    )
    loose = compare_quality(pairs[BASE], "wer", a.folder, b.folder)
    assert (paired.how, loose.how) == ("paired", "unpaired")
    # Every sample is 5 % higher: significant where samples are paired, within the spread if not.
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
    report = build_page(first, tmp_path)
    (note,) = find_part(report, "Word error rate").notes
    assert note.startswith("B: all settings without pairing samples")
    assert find_part(report, "Latency").verdicts == ("B, 19 settings: 19 equal",)


def test_damaged_scores_are_named(first: Path, tmp_path: Path, capsys) -> None:
    other = tmp_path / "b"
    shutil.copytree(first, other)
    scores = other / "cells" / BASE[0] / BASE[1] / "scores.parquet"
    scores.write_bytes(scores.read_bytes()[:40])
    assert_refused([str(first), str(other), "--into", str(tmp_path / "out")], str(scores))
    assert not (tmp_path / "out").exists()


def test_a_cell_with_another_status_shows_both_reasons(page) -> None:
    (table,) = page.statuses
    row = find_row(table, "batch 16 · Flash")
    assert row["A"].startswith("unsupported: Blip2ForConditionalGeneration")
    assert row["B"] == "out of memory: full"
    assert len(table.rows) == 1


def test_origins_that_differ_stand_apart_from_origins_in_common(page) -> None:
    (differing,) = page.differing
    assert find_row(differing, "Library torch")["B"] == "2.14.0"
    assert find_row(differing, "CPU") == {
        "What": "CPU",
        "A": "Example CPU @ 2.50GHz",
        "B": "Another CPU",
    }
    assert {row[0] for row in differing.rows} == {"Library torch", "CPU"}
    same = {row[0]: row[1] for row in page.shared.rows}
    assert same["Library transformers"] == "5.23.0"
    assert same["Commit"] == "0123abcdef0123abcdef"
    assert (same["Cores"], same["Memory"]) == ("2", "22 GiB")
    assert same["measure.window_s"] == "10.0"
    assert "Data set coco: SHA-256 of its samples" in same
    assert "machines of different hardware" in list_doubts(page)[0]


def on_gpu(torch: str, **settings: Any) -> Edit:
    """Let all cells be measured with this build of torch and these settings of CUDA."""

    def edit(study: MadeStudy) -> None:
        for record in list_measured(study):
            record["provenance"]["torch"]["version"] = torch
            record["provenance"]["cuda"] = asdict(make_cuda_settings(**settings))

    return edit


def test_settings_that_differ_between_two_gpus_are_named(tmp_path: Path) -> None:
    a = make_finished(tmp_path / "a", on_gpu("2.13.0+cu130"))
    other = {"NVIDIA_TF32_OVERRIDE": "0", "CUDA_LAUNCH_BLOCKING": "1"}
    b = make_finished(
        tmp_path / "b",
        on_gpu("2.13.0+cu126", version="12.6", convolution_fp32="ieee", environment=other),
    )
    page = build_page(a, b)
    assert {tuple(row) for row in page.differing[0].rows} == {
        ("torch.version", "2.13.0+cu130", "2.13.0+cu126"),
        ("cuda.version", "13.0", "12.6"),
        ("cuda.convolution_fp32", "tf32", "ieee"),
        ("cuda.environment.CUDA_LAUNCH_BLOCKING", "–", "1"),
        ("cuda.environment.NVIDIA_TF32_OVERRIDE", "–", "0"),
    }
    same = {row[0]: row[1] for row in page.shared.rows}
    assert same["torch.matmul_precision"] == "highest"
    assert (same["cuda.cudnn_benchmark"], same["cuda.matmul_fp32"]) == ("no", "ieee")


def test_generations_of_another_length_are_named_under_equal_ids(
    first: Path, tmp_path: Path
) -> None:
    def lengthen(study: MadeStudy) -> None:
        for record in study.records.values():
            record["cell"]["new_tokens"] = 64

    b = make_finished(tmp_path / "b", lengthen)
    page = build_page(first, b)
    assert {tuple(row) for row in page.differing[0].rows} == {
        ("New tokens of the timed generation", "16", "64")
    }


def test_what_puts_costs_in_doubt_is_said_by_its_cause(first: Path, tmp_path: Path) -> None:
    def disturb(study: MadeStudy) -> None:
        slowed, busy = list_measured(study)[:2]
        gpu = make_gpu_conditions(throttle_reasons=["sw_thermal_slowdown"])
        slowed["conditions"] |= {"disturbed": True, "gpus": [asdict(gpu)]}
        busy["conditions"]["disturbed"] = True

    other = make_finished(tmp_path / "b", disturb)
    report = build_page(first, other)
    assert list_doubts(report) == [
        f"1 of 19 settings were measured while {cause}, in A, B or both, so their times and "
        "energies are unreliable."
        for cause in (
            "a GPU was slowed down by heat or its supply",
            "other work ran on the machine",
        )
    ]
    chips = [chip.text for chip in report.chips]
    assert chips[1:] == ["B: 1 of 19 slowed by heat or supply", "B: 1 of 19 disturbed"]


def test_a_cell_of_other_shapes_is_marked(first: Path, tmp_path: Path) -> None:
    def lengthen_input(study: MadeStudy) -> None:
        study.records[BASE]["input"]["shape_digest"] = "another"
        study.records[BASE]["latency"] *= 1.001

    report = build_page(first, make_finished(tmp_path / "b", lengthen_input))
    assert list_doubts(report)[0].startswith("1 of 19 settings did not get the same tokens")
    rows = find_part(report, "Latency").tables[0].rows
    marks = {row[:2]: row[-1] for row in rows}
    assert marks.pop(("TextVQA", "base setting")) == "* other"
    assert set(marks.values()) == {"same"}


def test_cells_of_one_study_alone_are_named(first: Path, tmp_path: Path) -> None:
    def drop_cell(study: MadeStudy) -> None:
        del study.records[FLASH]

    report = build_page(first, make_finished(tmp_path / "b", drop_cell))
    assert report.chips[0].text == "20 settings in all studies"
    row = find_row(report.only, "batch 16 · Flash")
    assert (row["Only in"], row["Not in"]) == ("A", "B")


def test_a_model_of_another_name_is_matched_by_the_other_axes(first: Path, tmp_path: Path) -> None:
    report = build_page(first, make_finished(tmp_path / "b", rename_model))
    assert report.chips[0].text == "21 settings in all studies"
    assert report.only is None
    assert "blip2-opt-2.7b → mine" in list_doubts(report)[0]
    assert find_row(find_part(report, "Latency").tables[0], "TextVQA", "base setting")


def test_two_models_at_the_same_setting_match_nothing() -> None:
    def make_rows(*models: str) -> Rows:
        return {
            CellKey("textvqa", f"{model}-bs1"): make_row(dataset="textvqa", model=model, cell=model)
            for model in models
        }

    matched = match_cells(make_rows("first", "second", "same"), make_rows("other", "same"))
    assert [(pair.a.model, pair.b.model) for pair in matched.pairs] == [("same", "same")]
    assert [row.model for row in matched.only_a] == ["first", "second"]
    assert [row.model for row in matched.only_b] == ["other"]
    single = match_cells(make_rows("first"), make_rows("other"))
    assert [(pair.a.model, pair.b.model) for pair in single.pairs] == [("first", "other")]


def test_a_study_does_not_differ_from_itself(first: Path) -> None:
    report = build_page(first, first)
    assert report.differing == ()
    assert report.statuses == ()
    assert report.doubts == ()
    assert all(verdict.endswith(" equal") for part in report.parts for verdict in part.verdicts)
    assert report.verdicts == ("No measurable difference between A and B, in 19 settings.",)


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


def test_markdown_and_html_hold_the_same_text_and_the_page_loads_nothing(reports) -> None:
    text, html = reports
    parser = _Outline()
    parser.feed(html)
    glance, *of_text = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert f'aria-label="{glance}"' in html
    assert [heading for heading in parser.headings if heading in of_text] == of_text
    assert {address for address in parser.outside if not address.startswith("#")} == {
        *("data:,", "compare.md", "compare.ru.html")
    }
    for verdict in ("16 more in B, 3 equal", "B, 19 settings", "Another CPU", "out of memory"):
        assert verdict in text.replace("\\", "")
        assert verdict in html


def test_the_report_is_the_same_every_time(first: Path, second: Path, tmp_path: Path) -> None:
    runs = [
        [path.read_text() for path in compare([first, second], tmp_path / name, TEMPLATES)]
        for name in ("first", "second")
    ]
    assert runs[0] == runs[1]


def test_hostile_texts_cannot_break_the_page(first: Path, tmp_path: Path) -> None:
    bad = '<script>alert("x")</script><img src=x onerror=y> | `a` ]](http://evil) \x00\x1b[31m'

    def spoil(study: MadeStudy) -> None:
        study.edit_outline(study=bad, title=bad)
        study.records[FLASH] |= {"status": "error", "reason": bad}
        for record in list_measured(study):
            record["provenance"]["os"] = record["quality"]["definition"] = bad
            record["cell"]["model"] = bad
            record["quality"]["metrics"][3]["label"] = bad

    hostile = make_finished(tmp_path / "b", spoil)
    pages = [
        path.read_text(encoding="utf-8")
        for path in compare([first, hostile], tmp_path / "out", TEMPLATES)
    ]
    for page in pages[1::2]:
        _Outline().feed(page)
    everything = "".join(pages)
    assert "<script" not in everything
    assert "<img" not in everything
    assert "](http://evil" not in "".join(pages[::2])
    assert "\x1b" not in everything


def test_the_command_writes_to_the_folder_that_is_named(
    first: Path, second: Path, tmp_path: Path, monkeypatch, capsys, repository: Path
) -> None:
    monkeypatch.chdir(repository)
    main(["compare", str(first), str(second), "--into", str(tmp_path / "out")])
    paths = capsys.readouterr().out.splitlines()
    assert paths == [str(tmp_path / "out" / name) for name in PAGES]
    assert all(Path(name).stat().st_size > 1000 for name in paths)


def assert_refused(arguments: list[str], *words: str) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["compare", *arguments])
    sentence = str(exit_info.value.code)
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
def test_an_unfinished_study_is_refused_in_a_sentence(
    first: Path, tmp_path: Path, monkeypatch, repository: Path, make, words: str
) -> None:
    monkeypatch.chdir(repository)
    wrong = tmp_path / "wrong"
    make(wrong)
    assert_refused([str(first), str(wrong), "--into", str(tmp_path / "out")], words, str(wrong))
    assert not (tmp_path / "out").exists()


def test_the_command_works_from_any_folder(
    first: Path, second: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["compare", str(first), str(second), "--into", "report"])
    assert (tmp_path / "report/compare.html").exists()


def test_make_passes_its_arguments_on(repository: Path) -> None:
    def run_make(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", "-o", "setup", "compare", *words]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    command = run_make("-n", "STUDIES=results/x results/y results/z", "INTO=there").stdout
    assert 'vlmeter compare results/x results/y results/z --into "there"' in command


def test_too_few_studies_or_one_of_them_twice_are_refused(
    first: Path, second: Path, tmp_path: Path
) -> None:
    into = ["--into", str(tmp_path / "out")]
    assert_refused(into, "give the results folders of two or more")
    assert_refused([str(first), *into], "give the results folders of two or more")
    again = str(second / ".." / second.name)
    assert_refused([str(first), str(second), again, *into], again, "stands twice")
    assert_refused([f"{'x' * 80}{number}" for number in range(3)], "3 studies", "--into")
    many = [f"{first}-{number}" for number in range(27)]
    assert_refused([*many, *into], "27 studies are too many")
    assert not (tmp_path / "out").exists()


def test_each_further_study_is_a_column_of_differences(first: Path, second: Path, tmp_path) -> None:
    def lose(study: MadeStudy) -> None:
        del study.records[FLASH]
        study.records[BASE]["input"]["shape_digest"] = "another"
        study.records[BASE]["latency"] *= 1.001

    report = build_page(first, second, make_finished(tmp_path / "c", lose))
    (table,) = find_part(report, "Latency").tables
    assert table.headings == ("Data set", "Setting", "A (ms)", "B − A [95 %]", "C − A [95 %]")
    assert find_row(table, "TextVQA", "batch 16")["C − A [95 %]"] == "equal"
    assert find_row(table, "TextVQA", "base setting")["C − A [95 %]"].startswith("* ")
    assert len(report.verdicts) == len(report.forests) == 2
    assert report.verdicts[1] == "No measurable difference between A and C, in 19 settings."
    assert report.chips[0].text == "20 settings in all studies"
    (statuses,) = report.statuses
    assert find_row(statuses, "batch 16 · Flash")["C"] == "no record"


def test_many_studies_have_a_table_each(first: Path, second: Path) -> None:
    report = build_page(first, *[second] * 7)
    tables = [
        *(table for part in report.parts for table in part.tables),
        *(*report.statuses, *report.differing, report.studies),
    ]
    assert len(find_part(report, "Latency").tables) == 7
    assert max(len(table.headings) for table in tables) <= 8


def test_every_page_is_in_its_language_and_leads_to_the_other(folder: Path) -> None:
    russian = (folder / "compare.ru.html").read_text(encoding="utf-8")
    assert '<html lang="ru">' in russian
    assert 'href="compare.html"' in russian
    assert "медленнее, настроек 16 из 19 (время 1,50×)" in russian
    assert "Что B меняет относительно A" in russian
    text = (folder / "compare.ru.md").read_text(encoding="utf-8")
    assert "figures/ru/B.svg" in text
    words = {word for word in re.findall(r"[A-Za-z]{4,}", text)}
    assert not words & {"settings", "difference", "measured", "equal", "Latency", "same", "Setting"}
