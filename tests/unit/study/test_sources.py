from pathlib import Path

import pytest

from vlmeter.config.load import check_config
from vlmeter.errors import UserError
from vlmeter.study.sources import check_sources, digest_content
from vlmeter.study.study import Study

MEBIBYTE = 1 << 20


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


def test_a_digest_is_of_content_and_names_and_not_of_time(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1234")
    first = digest_content(folder)

    (folder / "weights").touch()
    assert digest_content(folder) == first

    (folder / "weights").write_bytes(b"1235")
    assert digest_content(folder) != first

    (folder / "weights").rename(folder / "other")
    (folder / "other").write_bytes(b"1234")
    assert digest_content(folder) != first


@pytest.mark.parametrize("place", [0, 10 * MEBIBYTE, 20 * MEBIBYTE - 1])
def test_a_change_of_all_of_a_large_file_s_part_is_noticed(tmp_path: Path, place: int) -> None:
    file = tmp_path / "weights"
    content = bytearray(20 * MEBIBYTE)
    file.write_bytes(content)
    before = digest_content(file)

    start = max(0, place - MEBIBYTE)
    content[start : place + 1] = b"\1" * (place + 1 - start)
    file.write_bytes(content)

    assert digest_content(file) != before


def test_a_large_file_of_another_size_is_another(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(bytes(20 * MEBIBYTE))
    before = digest_content(file)
    file.write_bytes(bytes(20 * MEBIBYTE + 1))

    assert digest_content(file) != before


def test_nothing_has_no_digest(tmp_path: Path) -> None:
    assert digest_content(tmp_path / "nowhere") is None


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


def test_another_picture_or_table_in_a_folder_is_noticed_and_a_hidden_file_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "labels.csv").write_bytes(bytes(50_000))
    (tmp_path / "a.png").write_bytes(bytes(50_000))
    digests = {digest_content(tmp_path)}
    for name, place in (("labels.csv", 25_000), ("a.png", 49_999), ("a.png", 50_000)):
        content = bytearray((tmp_path / name).read_bytes())
        content[place : place + 1] = b"\1"
        (tmp_path / name).write_bytes(content)
        digests.add(digest_content(tmp_path))
    assert len(digests) == 4

    (tmp_path / ".DS_Store").write_bytes(b"1")
    assert digest_content(tmp_path) in digests
