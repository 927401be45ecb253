"""A mistake is reported in a sentence that names the file and the key or sample; no traceback."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_study import CONFIG, STUDY, cell_id
from studytree import Outcome, Tree

Edit = tuple[str | int, ...]
"""Keys that lead to a place in the config, and what to write there."""


def write_edited(tree: Tree, *edits: Edit) -> None:
    with tree.config() as config:
        for *keys, last, value in edits:
            place: Any = config
            for key in keys:
                place = place[key]
            place[last] = value


def assert_refused(outcome: Outcome, *words: str) -> None:
    """No job began, and the message is a single sentence."""
    assert outcome.code == 1
    assert outcome.jobs == ()
    messages = outcome.text.splitlines()[1:]
    assert len(messages) == 1, outcome.text
    for word in words:
        assert word in messages[0]


MISTAKES: dict[str, tuple[Edit, Iterable[str]]] = {
    "misspelt key": (("mesure", {}), ['unknown key "mesure"', 'did you mean "measure"?']),
    "misspelt nested key": (
        ("measure", "energy", "windw_s", 1),
        ["measure.energy", 'unknown key "windw_s"', 'did you mean "window_s"?'],
    ),
    "unknown key": (("sections", 0, "colour", "red"), ["sections[0]", '"colour"']),
    "batch size 0": (
        ("sections", 0, "vary", "batch_size", [0, 1]),
        ["sections[0].vary.batch_size[0]", "greater than or equal to 1"],
    ),
    "unknown data set": (
        ("sections", 1, "datasets", ["coco", "textvqe"]),
        ["sections[1] (size).datasets", '"textvqe" is not defined', 'did you mean "textvqa"?'],
    ),
    "unknown model in a section": (
        ("sections", 0, "vary", "model", ["tiny", "tinny"]),
        ["sections[0] (batch)", '"tinny" is not defined', 'did you mean "tiny"?'],
    ),
    "unknown base model": (("base", "model", "huge"), ["base.model", '"huge" is not defined']),
    "two sections of one name": (("sections", 1, "name", "batch"), ['two have the name "batch"']),
    "a data file that is missing": (
        ("datasets", "coco", "source", "path", "demo/data/cocos.parquet"),
        ["datasets.coco", "demo/data/cocos.parquet", "no table (parquet, CSV, TSV or JSONL) there"],
    ),
    "a model folder that is missing": (
        ("models", "tiny", "source", "path", "demo/modell"),
        ["models.tiny.source.path", "demo/modell"],
    ),
    "a column that is missing": (
        ("datasets", "coco", "columns", "references", "answers"),
        ["datasets.coco", 'demo/data/coco.parquet has no column "answers"', "answer, "],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported_before_any_job_starts(fresh: Tree, mistake: str) -> None:
    edit, words = MISTAKES[mistake]
    write_edited(fresh, edit)

    assert_refused(fresh.snakemake("--dry-run"), f"{fresh.path(CONFIG)}: ", *words)


def test_a_run_reports_it_as_a_dry_run_does(fresh: Tree) -> None:
    write_edited(fresh, ("base", "batch_size", 0))

    assert_refused(fresh.run(), f"{fresh.path(CONFIG)}: ", "base.batch_size")


def test_a_key_that_stands_twice_is_refused_with_both_lines(fresh: Tree) -> None:
    fresh.append(CONFIG, "study: other\n")
    last = len(fresh.path(CONFIG).read_text().splitlines())

    message = f'key "study" stands twice, in lines 1 and {last}'
    assert_refused(fresh.snakemake("--dry-run"), f"{fresh.path(CONFIG)}: {message}")


def test_two_config_files_are_refused_and_not_merged(fresh: Tree) -> None:
    fresh.write_config(STUDY, "other.yaml")

    both = fresh.snakemake("--dry-run", "--configfile", "other.yaml", CONFIG, configfile=None)

    named = [str(fresh.path(name)) for name in ("other.yaml", CONFIG)]
    assert_refused(both, "a study is exactly one", *named)


def test_a_rule_of_the_workflow_cannot_be_a_section(fresh: Tree) -> None:
    rules = fresh.snakemake("--list-rules").text.splitlines()
    names = [line for line in rules if line.replace("_", "").isalpha()]
    assert {"all", "aggregate", "run_inference", "batch"} <= set(names)
    sections = {section["name"] for section in STUDY["sections"]}
    reserved = sorted({*names, "forest", "layers", "requests", "tradeoff"} - sections)
    write_edited(
        fresh,
        ("sections", [{**STUDY["sections"][0], "name": name} for name in reserved]),
    )

    refused = fresh.snakemake("--dry-run")

    assert refused.code == 1
    assert [name for name in reserved if f'"{name}" names a part of' not in refused.text] == []
    assert "Traceback" not in refused.text


def test_a_column_that_goes_missing_is_reported_by_the_job(tree: Tree) -> None:
    write_edited(tree, ("datasets", "coco", "columns", "references", "answers"))

    failed = tree.run()

    assert failed.code == 1
    assert {job["rule"] for job in failed.jobs} == {"download_dataset"}
    sentence = tree.result("logs/data/coco/samples.log").read_text().strip()
    assert sentence.startswith('demo/data/coco.parquet has no column "answers"')
    assert len(sentence.splitlines()) == 1
    assert sentence in failed.text
    assert "Traceback" not in failed.text


def spoil_two_samples(tree: Tree) -> tuple[str, str]:
    """Leave five samples, one whose image is no image, one without a reference: their ids."""
    path = tree.path("demo/data/coco.parquet")
    table = pq.read_table(path).slice(0, 5)
    rows = table.to_pylist()
    rows[1]["image"]["bytes"] = b"a cat on a mat"
    rows[3]["answer"] = ["", "  "]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    return str(rows[1]["question_id"]), str(rows[3]["question_id"])


def test_samples_that_cannot_be_used_are_reported_by_id_and_left_out(tree: Tree) -> None:
    undecodable, unanswered = spoil_two_samples(tree)
    section = {"name": "one", "datasets": ["coco"], "vary": {"batch_size": [1]}}
    write_edited(
        tree,
        ("sections", [section]),
        ("layers", None),
        ("datasets", "coco", "sample", "n", 5),
    )

    run = tree.run()

    assert run.code == 0, run.text
    read = tree.json("data/coco/samples.json")
    assert (read["n"], [bad["id"] for bad in read["bad_samples"]]) == (4, [unanswered])
    images = tree.json("data/coco/img224/images.json")
    reasons = {bad["id"]: bad["reason"] for bad in images["bad_samples"]}
    assert images["n"] == 3
    assert reasons == {
        unanswered: "has no reference: every expected text is empty",
        undecodable: "000000000001.png cannot be decoded (no known image format)",
    }
    record = tree.record(("coco", cell_id()))
    assert {bad["id"]: bad["reason"] for bad in record["input"]["bad_samples"]} == reasons
    assert (record["input"]["samples"], record["quality"]["scored"]) == (3, 3)
    report = tree.result("report.md").read_text()
    for sample, reason in reasons.items():
        assert f"{sample}: {reason}" in report
