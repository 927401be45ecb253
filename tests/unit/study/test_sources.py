import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import transformers

from vlmeter.config.load import check_config
from vlmeter.errors import UserError
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.weight_files import choose_files
from vlmeter.study.sources import SourceDigests, check_sources
from vlmeter.study.study import Study


def study(data: str, model: str, device: str = "cpu") -> Study:
    values = {
        "study": "small",
        "models": {"tiny": {"source": {"path": model}}},
        "datasets": {
            "photos": {
                "task": "caption",
                "source": {"path": data},
                "columns": {"references": "answer"},
                "prompts": {"bare": ""},
            }
        },
        "base": {"model": "tiny", "device": device, "dtype": "fp32"},
        "sections": [{"name": "single", "datasets": ["photos"], "vary": {"batch_size": [1]}}],
    }
    return Study(check_config(values, "study.yaml"))


def test_missing_sources_are_named_together(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UserError) as refusal:
        check_sources(study("photos.parquet", "tiny"), "study.yaml")

    data, model = str(refusal.value).splitlines()
    assert data.startswith("study.yaml: datasets.photos: photos.parquet")
    assert model == ("study.yaml: models.tiny.source.path: tiny is no folder with a config.json.")


def test_sources_that_were_read_before_may_be_gone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results" / "small"
    for name in ("data/photos/samples.json", "models/tiny-fp32.json"):
        (results / name).parent.mkdir(parents=True)
        (results / name).write_text("{}")

    check_sources(study("photos.parquet", "tiny"), "study.yaml")


def test_a_model_that_no_device_here_needs_is_not_asked_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vlmeter.machine.devices.is_present", lambda device, gpus: False)

    with pytest.raises(UserError) as refusal:
        check_sources(study("photos.parquet", "tiny", device="cuda"), "study.yaml")

    assert "models.tiny" not in str(refusal.value)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A data set whose table names two of three images, in a folder with other files."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / "labels.csv").write_text("image,answer\na.png,a cat\nmore/b.png,a dog\n")
    for name in ("a.png", "more/b.png", "c.png"):
        (folder / name).write_bytes(bytes(50_000))
    return folder


@pytest.fixture
def digest_photos(photos: Path, tmp_path: Path) -> Callable[[], str | None]:
    job = study(str(photos), "tiny").dataset_job("photos")

    def digest() -> str | None:
        sources = SourceDigests(tmp_path / "store.json")
        content = sources.digest_dataset(job)
        sources.save()
        return content

    return digest


@pytest.mark.parametrize(
    "name", ["notes.txt", "README.md", "d.png", "c.png", "more/b.png.bak", ".DS_Store", "x.json"]
)
def test_files_that_a_data_set_does_not_name_do_not_count(photos, digest_photos, name) -> None:
    before = digest_photos()
    (photos / name).write_bytes(b"other")
    assert digest_photos() == before is not None


@pytest.mark.parametrize("place", [0, 25_000, 49_999])
@pytest.mark.parametrize("name", ["a.png", "more/b.png"])
def test_a_byte_of_an_image_that_a_table_names_counts(photos, digest_photos, name, place) -> None:
    before = digest_photos()
    content = bytearray((photos / name).read_bytes())
    content[place] = 1
    (photos / name).write_bytes(content)
    assert digest_photos() not in {before, None}


def test_an_image_that_goes_and_one_that_comes_count(photos, digest_photos) -> None:
    digests = {digest_photos()}
    (photos / "a.png").unlink()
    digests.add(digest_photos())
    (photos / "labels.csv").write_text("image,answer\na.png,a cat\nmore/b.png,a bird\n")
    digests.add(digest_photos())
    (photos / "a.png").write_bytes(b"another")
    digests.add(digest_photos())
    assert len(digests - {None}) == 4


def test_a_table_that_can_no_longer_be_read_is_another(photos, digest_photos) -> None:
    before = digest_photos()
    (photos / "labels.csv").write_bytes(b"\xff")
    assert digest_photos() not in {before, None}


def test_parquet_counts_with_the_files_that_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    cells = [
        {"bytes": None, "path": "a.png"},
        {"bytes": b"1", "path": "b.png"},
    ]
    table = pa.table({"image": cells, "answer": ["a cat", "a dog"]})
    pq.write_table(table, folder / "train.parquet")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"1")
    job = study(str(folder), "tiny").dataset_job("photos")
    before = SourceDigests(tmp_path / "store.json").digest_dataset(job)

    (folder / "b.png").write_bytes(b"2")
    assert SourceDigests(tmp_path / "store.json").digest_dataset(job) == before

    (folder / "a.png").write_bytes(b"2")
    assert SourceDigests(tmp_path / "store.json").digest_dataset(job) != before


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "additional_chat_templates").mkdir(parents=True)
    for name in (
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "vocab.txt",
        "spiece.model",
        "chat_template.jinja",
        "additional_chat_templates/rag.jinja",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
    ):
        (folder / name).write_text(name)
    return folder


def digest_model(model: Path, **fields: object) -> str | None:
    source = ModelSource(path=str(model), **fields.pop("source", {}))
    job = ModelJob("tiny", "fp32", source, **{"weights": "pretrained", **fields})
    return SourceDigests(model.parent / "store.json").digest_model(job)


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "README.md", "trainer_state.json", "events.log", "pytorch_model.bin", "x/a.json"],
)
def test_files_that_a_model_is_not_read_from_do_not_count(model: Path, name: str) -> None:
    before = digest_model(model)
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("other")
    assert digest_model(model) == before is not None


def test_each_file_that_a_model_is_read_from_counts(model: Path) -> None:
    digests = {digest_model(model)}
    files = [file for file in sorted(model.rglob("*")) if file.is_file()]
    for file in files:
        file.write_text("other")
        digests.add(digest_model(model))
    assert len(digests - {None}) == len(files) + 1


def test_weights_count_where_they_are_read_and_own_code_where_it_runs(model: Path) -> None:
    weights, code = model / "model-00001-of-00002.safetensors", model / "modeling.py"
    random = digest_model(model, weights="random")
    weights.write_text("other")
    assert digest_model(model, weights="random") == random

    before = digest_model(model)
    with_code = digest_model(model, source={"allow": ["remote_code"]})
    code.write_text("1")
    assert digest_model(model) == before
    assert digest_model(model, source={"allow": ["remote_code"]}) != with_code


def test_sources_that_are_not_there_have_no_digest(tmp_path: Path) -> None:
    assert digest_model(tmp_path / "nowhere") is None
    job = study(str(tmp_path / "nowhere"), "tiny").dataset_job("photos")
    assert SourceDigests(tmp_path / "store.json").digest_dataset(job) is None


def test_every_file_that_a_tokenizer_of_transformers_reads_is_taken() -> None:
    named = set()
    for file in Path(transformers.__file__).parent.glob("models/*/tokenization_*.py"):
        block = re.search(r"VOCAB_FILES_NAMES = \{(.*?)\}", file.read_text("utf-8"), re.DOTALL)
        if block:
            named |= set(re.findall(r': "([^"]+)"', block[1]))
    assert len(named) > 10
    assert named - set(choose_files("tiny", named, [])) == set()
