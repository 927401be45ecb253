"""A finished study goes to a reader in one file, who needs neither its model nor its images."""

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from small_study import CELLS, REPORT, RESULTS, cell_id, scores
from studytree import Tree

from vlmeter.cli import main
from vlmeter.storage.files import file_sha256

PICTURE = "data:image/jpeg;base64,"
CONFIG = "config/config.yaml"


@dataclass(frozen=True)
class Said:
    """What a command of `vlmeter` printed, or why it refused."""

    text: str
    refusal: str | None = None


def run_vlmeter(tree: Tree, *arguments: str | Path) -> Said:
    """Run a command in a tree, in this process: the package's imports take seconds."""
    with chdir(tree.folder), redirect_stdout(StringIO()) as printed:
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            return Said(printed.getvalue(), str(ended.code))
    return Said(printed.getvalue())


def export_study(tree: Tree, archive: Path, *options: str) -> Said:
    return run_vlmeter(tree, "export", RESULTS, archive, *options)


@pytest.fixture(scope="module")
def archive(finished: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished study in one file."""
    archive = tmp_path_factory.mktemp("archive") / "study.zip"
    done = export_study(finished, archive)
    assert done.refusal is None
    assert file_sha256(archive) in done.text
    return archive


@pytest.fixture
def reader(finished: Tree, archive: Path, tmp_path: Path) -> Iterator[Tree]:
    """A folder with nothing but what was imported."""
    reader = Tree(tmp_path / "reader é", checkout=finished.folder)
    done = run_vlmeter(finished, "import", archive, reader.folder)
    assert done.refusal is None
    yield reader
    shutil.rmtree(reader.folder)


def snakemake(reader: Tree, *arguments: str, **options: object):
    assert reader.checkout is not None
    snakefile = ("--snakefile", str(reader.checkout / "Snakefile"))
    return reader.snakemake(*snakefile, *arguments, configfile=None, **options)


def test_a_reader_checks_scores_and_shows_a_study_without_its_model_and_images(
    reader: Tree,
) -> None:
    checked = run_vlmeter(reader, "verify")
    config = yaml.safe_load(reader.path(CONFIG).read_text("utf-8"))
    config["datasets"]["textvqa"]["task"] = "ocr"
    config["report"]["bootstrap_resamples"] = 120
    reader.write_config(config, CONFIG)

    outcome = snakemake(reader, "--cores", "2", forked=True)
    checked_again = run_vlmeter(reader, "verify")

    assert checked.refusal is None
    assert "every file is what was written" in checked.text
    assert "files of images, such as data/coco/img224/images.parquet, and" in checked.text
    assert "of weights, such as models/tiny-fp32/" in checked.text
    assert outcome.code == 0, outcome.text
    assert outcome.names == scores(CELLS) | REPORT
    metrics = reader.record(("textvqa", cell_id()))["quality"]["metrics"]
    assert "anls" in {metric["name"] for metric in metrics}
    assert "ANLS" in reader.result("study.html").read_text("utf-8")
    assert checked_again.refusal is None
    assert snakemake(reader, "--dry-run").names == set()


@pytest.mark.parametrize("command", ["decide", "methods", "compare"])
def test_what_reads_a_study_reads_an_imported_one(
    reader: Tree, finished: Tree, command: str
) -> None:
    others = [finished.result("")] if command == "compare" else []

    done = run_vlmeter(reader, command, *others, RESULTS)

    assert done.refusal is None
    assert done.text.strip()


def test_an_archive_holds_no_picture_and_no_weights(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)

    results = tmp_path / RESULTS
    for pattern in ("*.jpg", "*.safetensors", "images.parquet"):
        assert list(results.rglob(pattern)) == []
    for samples in results.rglob("samples.parquet"):
        rows = pq.read_table(samples).to_pylist()
        assert rows
        assert all(row["image"] is None and row["references"] for row in rows)
    for page in results.glob("*.html"):
        assert PICTURE not in page.read_text("utf-8")


def test_the_same_study_elsewhere_is_the_same_archive(
    tree: Tree, archive: Path, tmp_path: Path
) -> None:
    done = export_study(tree, tmp_path / "study.zip")

    assert done.refusal is None
    assert file_sha256(tmp_path / "study.zip") == file_sha256(archive)


def test_an_archive_with_all_of_a_study_is_measured_no_more_than_a_copy(
    finished: Tree, tmp_path: Path
) -> None:
    done = export_study(finished, tmp_path / "all.zip", "--with-images", "--with-weights")
    assert done.refusal is None
    assert "Left out" not in done.text
    whole = Tree(tmp_path / "whole", checkout=finished.folder)
    run_vlmeter(finished, "import", tmp_path / "all.zip", whole.folder)
    shutil.copytree(finished.path("demo"), whole.path("demo"))

    outcome = snakemake(whole, "--dry-run")

    assert outcome.code == 0, outcome.text
    assert outcome.names == scores(CELLS) | REPORT
    assert PICTURE in whole.result("study.html").read_text("utf-8")
    checked = run_vlmeter(whole, "verify")
    assert checked.refusal is None
    assert "Left out" not in checked.text


def test_a_cell_that_was_not_measured_is_named_and_nothing_runs(reader: Tree) -> None:
    config = yaml.safe_load(reader.path(CONFIG).read_text("utf-8"))
    config["sections"][0]["vary"]["batch_size"].append(4)
    reader.write_config(config, CONFIG)

    outcome = snakemake(reader, "--cores", "2")

    assert outcome.code != 0
    missing = f"{RESULTS}/cells/textvqa/{cell_id(batch_size=4)}/measurement.json"
    assert f"3 files that only measuring makes are not there, the first {missing}: " in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("check.json", "is not finished"),
        ("config.yaml", "config.yaml is missing"),
        ("study.html", "study.html is missing"),
    ],
)
def test_a_study_that_is_not_whole_is_not_exported(
    tree: Tree, tmp_path: Path, name: str, words: str
) -> None:
    tree.result(name).unlink()

    done = export_study(tree, tmp_path / "study.zip")

    assert words in (done.refusal or "")
    assert "Traceback" not in (done.refusal or "")
    assert not (tmp_path / "study.zip").exists()


IMPORT_AGAIN = f"import the archive of {RESULTS} once more, into a new folder"


def change_the_metric(reader: Tree) -> None:
    config = yaml.safe_load(reader.path(CONFIG).read_text("utf-8"))
    config["datasets"]["textvqa"]["task"] = "ocr"
    reader.write_config(config, CONFIG)


@pytest.mark.parametrize("name", ["measurement.json", "predictions.parquet"])
def test_a_damaged_measurement_is_to_be_imported_again(reader: Tree, name: str) -> None:
    damaged = f"{RESULTS}/cells/textvqa/{cell_id()}/{name}"
    content = reader.path(damaged).read_bytes()
    place = content.index(b"latency") if name.endswith(".json") else len(content) // 2
    reader.path(damaged).write_bytes(content[:place] + b"-" + content[place + 1 :])
    change_the_metric(reader)

    checked = run_vlmeter(reader, "verify")
    outcome = snakemake(reader, "--cores", "2", forked=True)

    for text in (checked.refusal or "", outcome.text):
        assert f"{damaged} is damaged" in text
        assert IMPORT_AGAIN in text
        assert f"delete {damaged}" not in text
    assert outcome.code != 0
    assert reader.path(damaged).exists(), "no rule made it again"


@pytest.mark.parametrize(
    "name",
    [
        "machine.json",
        "data/textvqa/samples.json",
        f"cells/textvqa/{cell_id()}/predictions.parquet",
    ],
)
def test_what_went_missing_of_a_measurement_is_to_be_imported_again(
    reader: Tree, name: str
) -> None:
    reader.result(name).unlink()
    change_the_metric(reader)

    outcome = snakemake(reader, "--cores", "2")

    assert outcome.code != 0
    assert f"the first {RESULTS}/{name}: " in outcome.text
    assert IMPORT_AGAIN in outcome.text
    assert not reader.result(name).exists(), "no rule made it of this machine and its data"


def test_a_damaged_result_of_an_imported_study_is_made_again(reader: Tree) -> None:
    damaged = (f"cells/textvqa/{cell_id()}/record.json", "summary.csv")
    for name in damaged:
        reader.result(name).write_bytes(reader.result(name).read_bytes()[:-1])

    checked = run_vlmeter(reader, "verify")
    forced = [f"{RESULTS}/{name}" for name in damaged]
    made_again = snakemake(reader, "--cores", "2", "--forcerun", *forced, forked=True)

    for name in damaged:
        assert f"delete {RESULTS}/{name} and run again" in (checked.refusal or "")
    assert "import" not in (checked.refusal or "")
    assert made_again.code == 0, made_again.text
    assert run_vlmeter(reader, "verify").refusal is None


def test_what_a_reader_got_is_noticed_when_it_is_damaged(reader: Tree) -> None:
    record = reader.result(f"cells/textvqa/{cell_id()}/predictions.parquet")
    record.write_bytes(record.read_bytes()[:-1])

    checked = run_vlmeter(reader, "verify")

    assert f"{cell_id()}/predictions.parquet is damaged" in (checked.refusal or "")
    assert IMPORT_AGAIN in (checked.refusal or "")
    assert "import its archive once more" in (checked.refusal or "")
