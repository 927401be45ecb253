"""The exports for programs: unchanged figures and texts, with a description of each column."""

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from machines import MACHINE
from study_factory import MadeStudy, make_comparisons
from study_files import Files
from study_steps import write_study

from vlmeter.decision.export_study import export_study, read_decided
from vlmeter.errors import UserError
from vlmeter.results.exported import KEYS, TABLES, read_exported
from vlmeter.results.repeatability import read_repeats
from vlmeter.results.summary_row import SUMMARY_COLUMNS
from vlmeter.results.tables import read_summary
from vlmeter.results.verify import find_damages
from vlmeter.results.wishes import MemorySize, Prices
from vlmeter.storage.files import file_sha256, read_json, write_json
from vlmeter.storage.layout import StudyFolder

HOSTILE = '=cmd|"/C calc"!A0 <script>\n\r\x1b\u202e'


def export(study: MadeStudy, files: Files) -> Path:
    target = files.folder / "study.json"
    export_study(
        study.outline,
        files.summary.with_suffix(".parquet"),
        files.layers,
        files.differences,
        files.repeatability,
        files.machine,
        target,
    )
    return target


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeStudy, Files, dict[str, Any]]:
    study = MadeStudy()
    asked = {"prices": Prices("EUR", per_kwh=0.3), "memories": (MemorySize("24GB", 24 * 10**9),)}
    study.outline = replace(study.outline, **asked)
    lost = next(record for record in study.records.values() if record["status"] == "unsupported")
    lost["reason"] = HOSTILE
    plan = make_comparisons(study.outline)
    files = Files(write_study(study, tmp_path_factory.mktemp("exported"), plan))
    return study, files, json.loads(export(study, files).read_text())


def test_the_json_has_exactly_the_described_keys(exported) -> None:
    assert list(exported[2]) == list(KEYS)


def test_every_row_has_every_described_column(exported) -> None:
    study, _, content = exported
    for name, columns in TABLES.items():
        described = content["columns"][name]
        assert [column["name"] for column in described] == [column.name for column in columns]
        assert all(column["description"] for column in described)
        assert {tuple(row) for row in content[name]} == {
            tuple(column["name"] for column in described)
        }
    assert len(content["summary"]) == len(study.records)


def test_what_is_worked_out_of_prices_and_memories_stands_in_tables_of_its_own(exported) -> None:
    _, files, content = exported
    keys = {
        name: {(row["dataset"], row["cell"]) for row in content[name] if row.get("status") != "ok"}
        for name in ("fits", "money", "summary")
    }
    measured = {(row["dataset"], row["cell"]) for row in content["summary"]} - keys["summary"]
    assert keys["fits"] < measured == keys["money"]
    for name in ("fits", "money"):
        frame = pd.read_csv(files.folder / f"{name}.csv", keep_default_na=False)
        assert frame["cell"].tolist() == [row["cell"] for row in content[name]]
        assert content["files"][f"{name}.csv"] == file_sha256(files.folder / f"{name}.csv")


def test_a_damaged_table_beside_the_study_is_noticed(exported) -> None:
    _, files, _ = exported
    table = files.folder / "money.csv"
    whole = table.read_bytes()
    table.write_bytes(whole[:-2])
    try:
        assert [it.remake for it in find_damages(StudyFolder(files.folder))] == [table]
    finally:
        table.write_bytes(whole)


def test_the_figures_are_those_of_the_csv_to_the_last_digit(exported) -> None:
    _, files, content = exported
    of_csv = list(read_summary(files.summary).values())
    texts = {column.name for column in SUMMARY_COLUMNS if column.kind == "text"}
    for row, other in zip(content["summary"], of_csv, strict=True):
        assert {key: row[key] for key in row if key not in texts} == {
            key: value for key, value in vars(other).items() if key not in texts
        }


def test_a_hostile_text_is_unchanged_in_json_and_parquet_and_not_a_formula_in_csv(
    exported,
) -> None:
    _, files, content = exported
    parquet = pq.read_table(files.summary.with_suffix(".parquet")).to_pylist()
    assert HOSTILE in [row["reason"] for row in content["summary"]]
    assert HOSTILE in [row["reason"] for row in parquet]
    assert ",=cmd" not in files.summary.read_text()
    assert "'=cmd" in files.summary.read_text()


def test_a_lone_surrogate_is_replaced_where_no_file_can_hold_it(tmp_path: Path) -> None:
    study = MadeStudy()
    lost = next(record for record in study.records.values() if record["status"] != "ok")
    lost["reason"] = "cut \ud800 in half"
    files = Files(write_study(study, tmp_path))
    content = json.loads(export(study, files).read_text())
    assert "cut \ufffd in half" in [row["reason"] for row in content["summary"]]


def test_parquet_keeps_types_units_and_descriptions(exported) -> None:
    schema = pq.read_schema(exported[1].summary.with_suffix(".parquet"))
    energy = schema.field("energy")
    assert str(energy.type) == "double"
    assert energy.metadata == {b"unit": b"J", b"description": b"Gross energy per sample."}
    assert str(schema.field("batch_size").type) == "int64"
    assert str(schema.field("latency_steady").type) == "bool"


def test_the_rounds_behind_a_cost_are_exported(exported) -> None:
    study, _, content = exported
    row = content["summary"][0]
    record = study.records[row["dataset"], row["cell"]]
    assert json.loads(row["latency_rounds_s"]) == record["latency_detail"]["rounds_s"]
    assert json.loads(row["energy_rounds_j"]) == record["energy_detail"]["rounds_j"]


def test_peak_memory_is_of_the_process_on_a_cpu_and_of_tensors_on_a_gpu(tmp_path: Path) -> None:
    study = MadeStudy(has_gpu=True)
    for record in study.records.values():
        if record["cell"]["device"] == "cuda":
            record["memory"]["peak_allocated_bytes"] = 123
    files = Files(write_study(study, tmp_path))
    rows = read_summary(files.summary).values()
    measured = [row for row in rows if row.status == "ok"]
    assert {row.peak_memory_bytes for row in measured if row.device == "cuda"} == {123}
    assert all(
        row.peak_memory_bytes == row.peak_rss_bytes for row in measured if row.device == "cpu"
    )


def test_a_study_is_read_back(exported) -> None:
    study, files, content = exported
    study_read = read_exported(files.folder)
    assert [vars(row) for row in study_read.rows.values()] == content["summary"]
    assert list(study_read.rows) == [(row["dataset"], row["cell"]) for row in content["summary"]]
    assert study_read.outline == study.outline
    assert study_read.machine == MACHINE
    assert study_read.repeats == read_repeats(files.repeatability)
    assert study_read.repeats.latency
    assert study_read.version == version("vlmeter")
    assert study_read.folder == files.folder


def test_the_study_holds_its_decisions_and_what_they_were_made_of(exported) -> None:
    finished = exported[1].folder
    decided = read_decided(finished)
    assert [entry.contest.dataset for entry in decided] == ["textvqa", "coco", "scienceqa"]
    rows = read_exported(finished).rows
    members = {
        (entry.contest.dataset, cell)
        for entry in decided
        for candidate in entry.contest.candidates
        for cell in candidate.members
    }
    assert members == {key for key, row in rows.items() if row.status == "ok"}
    assert all(entry.decision.choices for entry in decided)


def test_a_damaged_table_is_named(exported, tmp_path: Path) -> None:
    study = exported[0]
    files = Files(write_study(study, tmp_path))
    parquet = files.summary.with_suffix(".parquet")
    parquet.write_bytes(parquet.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"summary\.parquet is damaged"):
        export(study, files)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: folder.joinpath("study.json").unlink(), "has no study.json"),
        (lambda folder: rewrite(folder, layout=0), "has layout 0, and this version reads layout 1"),
        (lambda folder: rewrite(folder, machine=None), "without machine"),
        (lambda folder: drop_column(folder, "latency_rounds_s"), "the column latency_rounds_s"),
        (
            lambda folder: folder.joinpath("study.json").write_text("{"),
            "study.json cannot be read as JSON",
        ),
    ],
)
def test_a_folder_without_a_study_of_this_layout_is_refused_in_a_sentence(
    exported, tmp_path: Path, spoil, words: str
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    folder.joinpath("study.json").write_text(exported[1].folder.joinpath("study.json").read_text())
    spoil(folder)
    with pytest.raises(UserError) as refusal:
        read_exported(folder)
    assert words in str(refusal.value)
    assert str(folder) in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "read"),
    [
        *((key, read_exported) for key in ("outline", "machine", "repeatability", "summary")),
        ("decisions", read_decided),
    ],
)
def test_a_part_of_another_form_is_named(exported, tmp_path: Path, key: str, read) -> None:
    content = json.loads(exported[1].folder.joinpath("study.json").read_text())
    write_json(tmp_path / "study.json", {**content, key: 3})
    with pytest.raises(UserError, match=rf"study\.json: {key} "):
        read(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder: give that of a finished study"):
        read_exported(tmp_path / "nowhere")


def rewrite(folder: Path, **changes: Any) -> None:
    content = {**read_json(folder / "study.json"), **changes}
    write_json(folder / "study.json", {key: value for key, value in content.items() if value})
    if changes.get("layout") == 0:
        write_json(folder / "study.json", content)


def drop_column(folder: Path, name: str) -> None:
    content = read_json(folder / "study.json")
    for row in content["summary"]:
        del row[name]
    write_json(folder / "study.json", content)
