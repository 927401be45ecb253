"""A data set in a format that another package reads goes through a whole study."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
from small_study import cell_id, inference, scores
from studytree import REPOSITORY, Tree

CELL = ("textvqa", cell_id())


def write_spool(source: Path, spool: Path) -> None:
    rows = pq.read_table(source).slice(0, 6).to_pylist()
    lines = ["key|picture|ask|truth"]
    for row in rows:
        image, answer = row["image"]["bytes"].hex(), row["answers"][0]
        lines.append(f"{row['question_id']}|{image}|{row['question']}|{answer}")
    spool.write_text("\n".join(lines), encoding="utf-8")


def test_a_format_of_another_package_is_measured_and_its_code_counts(
    fresh: Tree, tmp_path: Path
) -> None:
    package = tmp_path / "brevity"
    shutil.copytree(REPOSITORY / "tests/support/brevity", package)
    write_spool(fresh.path("demo/data/textvqa.parquet"), fresh.path("demo/signs.spool"))
    with fresh.config() as config:
        del config["datasets"]["coco"], config["layers"]
        config["datasets"]["textvqa"]["source"] = {"path": "demo/signs.spool"}
        config["datasets"]["textvqa"]["columns"] = {
            "id": "key",
            "image": "picture",
            "question": "ask",
            "references": "truth",
        }
        config["sections"] = [config["sections"][0] | {"vary": {"batch_size": [1]}}]
    package_fakes = (str(package),)

    outcome = fresh.run(fakes=package_fakes)
    reader = package / "vlmeter_brevity/spools.py"
    reader.write_text(reader.read_text("utf-8").replace('split("|")', 'split("|", 3)'), "utf-8")
    after_edit = fresh.plan(fakes=package_fakes)
    without = fresh.snakemake("--dry-run", "--forcerun", "download_dataset")

    assert outcome.code == 0, outcome.text
    assert outcome.names >= inference([CELL]) | scores([CELL]) | {("download_dataset", "textvqa")}
    assert fresh.record(CELL)["quality"]["samples"] == 5
    assert fresh.json("data/textvqa/samples.json")["bad_samples"] == []
    assert ("download_dataset", "textvqa") in after_edit.names
    assert inference([CELL]) <= after_edit.names
    assert without.code == 0, without.text
