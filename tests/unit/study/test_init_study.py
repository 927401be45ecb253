"""`vlmeter init` writes a config that runs, or nothing and a sentence."""

import shutil
from pathlib import Path

import pytest
import yaml

from vlmeter.config.load import load_config
from vlmeter.data.job import DataSource
from vlmeter.errors import UserError
from vlmeter.study.gates import check_gates
from vlmeter.study.init_study import describe_new_study, find_data, init_study
from vlmeter.study.sources import check_sources
from vlmeter.study.study import Study


@pytest.fixture
def folder(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a new study, with a model in it and the demo's data far from it."""
    folder = tmp_path / "my-study"
    (folder / "tiny").mkdir(parents=True)
    shutil.copy(repository / "demo/model/config.json", folder / "tiny/config.json")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def shelf(tmp_path: Path, repository: Path) -> Path:
    """A folder of pictures with a table, as people have it."""
    shelf = tmp_path / "my shelf"
    shelf.mkdir()
    shutil.copy(repository / "docs/sample/gallery/coco-0.jpg", shelf / "first.jpg")
    (shelf / "labels.csv").write_text(
        "picture,ask,answers\nfirst.jpg,What is it?,a cup\nfirst.jpg,Where?,here\n",
        encoding="utf-8",
    )
    return shelf


@pytest.mark.parametrize(
    ("name", "task"), [("coco", "caption"), ("scienceqa", "multiple_choice"), ("textvqa", "vqa")]
)
def test_a_config_is_written_that_the_workflow_accepts(
    folder: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, name: str, task: str
) -> None:
    data = find_data(str(repository / f"demo/data/{name}.parquet"))

    new = init_study(folder, "my-study/tiny", data, {})

    config = load_config(new.config)
    assert (config.study, config.datasets[name].task) == ("my-study", task)
    # What lies in the folder moves with it.
    assert config.models["tiny"].source.path == "tiny"
    monkeypatch.chdir(folder)
    study = Study(config)
    check_sources(study, str(new.config))
    check_gates(study, str(new.config))
    assert len(study.cells) == 3


@pytest.mark.parametrize("given", ["my shelf", "my shelf/labels.csv"])
def test_a_folder_of_pictures_is_data_and_so_is_its_table(
    folder: Path, shelf: Path, given: str
) -> None:
    new = init_study(folder, "my-study/tiny", find_data(given), {})

    (dataset,) = load_config(new.config).datasets.values()
    assert dataset.source.path == str(shelf)
    assert dataset.columns.question == "ask"


def test_what_was_guessed_is_said_in_the_file_and_in_words(folder: Path, shelf: Path) -> None:
    new = init_study(folder, "maker/model", find_data(str(shelf)), {})

    text = new.config.read_text(encoding="utf-8")
    assert "# guessed by the columns" in text
    assert "# guessed by their names" in text
    said = "\n".join(describe_new_study(new, Path("/there/Snakefile")))
    assert "task vqa, image from picture, question from ask, references from answers." in said
    assert "Nothing here is named maker/model: it is looked for on the Hub." in said
    assert "snakemake --snakefile /there/Snakefile" in said


@pytest.mark.parametrize(
    ("name", "model", "data", "columns", "words"),
    [
        ("two words", "my-study/tiny", "my shelf", {}, '"two words" is no name of a study'),
        ("other", "tiny", "my shelf", {}, "--model: tiny is no path here"),
        ("other", "my shelf", "my shelf", {}, "my shelf holds no config.json"),
        ("other", "maker/model", "my shelf", {"references": "x"}, 'has no column "x"'),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    folder: Path, shelf: Path, name: str, model: str, data: str, columns: dict[str, str], words: str
) -> None:
    target = folder.parent / name
    with pytest.raises(UserError) as refused:
        init_study(target, model, find_data(data), columns)
    assert words in str(refused.value)
    assert not (target / "config").exists()


def test_a_config_that_is_there_stays(folder: Path, shelf: Path) -> None:
    new = init_study(folder, "maker/model", find_data(str(shelf)), {})
    written = new.config.read_text(encoding="utf-8")

    with pytest.raises(UserError, match="exists already: delete it first, or name another folder"):
        init_study(folder, "maker/other", find_data(str(shelf)), {})

    assert new.config.read_text(encoding="utf-8") == written


def test_data_that_is_nowhere_is_refused() -> None:
    with pytest.raises(UserError, match="--data: photos is no path here"):
        find_data("photos")
    assert find_data("maker/photos", DataSource(split="test")) == DataSource(
        hub="maker/photos", split="test"
    )


@pytest.mark.parametrize("word", ["2024-01-01", "no", "12", "é"])
def test_a_name_that_yaml_would_read_as_something_else_stays_a_name(
    folder: Path, repository: Path, word: str
) -> None:
    shutil.copy(repository / "demo/data/textvqa.parquet", folder / f"{word}.parquet")

    new = init_study(folder, "maker/1.5", find_data(f"my-study/{word}.parquet"), {})

    values = yaml.safe_load(new.config.read_text(encoding="utf-8"))
    assert all(isinstance(name, str) for block in ("models", "datasets") for name in values[block])
