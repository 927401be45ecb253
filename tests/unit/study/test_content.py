"""Digests of files: whole, cached, and never of a file as it was."""

import os
from pathlib import Path

import pytest

from vlmeter.study import content
from vlmeter.study.content import ContentDigests

MEBIBYTE = 1 << 20
LONG_AGO_S = 1_700_000_000


@pytest.fixture
def read(monkeypatch) -> list[Path]:
    """The files that were read."""
    files: list[Path] = []

    def read_file(path: Path) -> str:
        files.append(path)
        return content_of(path)

    content_of = content.file_xxh3
    monkeypatch.setattr(content, "file_xxh3", read_file)
    return files


def write(path: Path, data: bytes, modified_s: float = LONG_AGO_S) -> Path:
    path.write_bytes(data)
    os.utime(path, (modified_s, modified_s))
    return path


def digest(store: Path, *files: Path) -> str:
    digests = ContentDigests(store)
    try:
        return digests.digest(files, files[0].parent)
    finally:
        digests.save()


@pytest.mark.parametrize("place", [0, 10 * MEBIBYTE + 7, 20 * MEBIBYTE - 1])
def test_a_single_byte_anywhere_in_a_large_file_is_noticed(tmp_path: Path, place: int) -> None:
    data = bytearray(20 * MEBIBYTE)
    file = write(tmp_path / "weights", bytes(data))
    before = digest(tmp_path / "store.json", file)
    data[place] = 1

    write(file, bytes(data), LONG_AGO_S + 1)

    assert digest(tmp_path / "store.json", file) != before


def test_a_file_is_read_once_however_many_runs_ask(tmp_path: Path, read: list[Path]) -> None:
    files = [write(tmp_path / name, name.encode()) for name in ("a", "b")]
    store = tmp_path / "store.json"
    first = digest(store, *files)

    assert ContentDigests(store).list_unread(files) == []
    assert digest(store, *files) == first
    assert read == files


def test_a_rewritten_file_of_the_same_size_and_time_is_read_again(
    tmp_path: Path, read: list[Path]
) -> None:
    file = write(tmp_path / "a", b"1")
    before = digest(tmp_path / "store.json", file)
    other = write(tmp_path / "b", b"2")

    other.replace(file)

    assert digest(tmp_path / "store.json", file) != before
    assert read == [file, file]


def test_a_file_that_has_just_changed_is_read_again(tmp_path: Path, read: list[Path]) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    digest(tmp_path / "store.json", file)

    digest(tmp_path / "store.json", file)

    assert read == [file, file]


def test_names_count_and_times_do_not(tmp_path: Path) -> None:
    file = write(tmp_path / "a", b"1")
    first = digest(tmp_path / "store.json", file)
    write(file, b"1", LONG_AGO_S + 60)
    assert digest(tmp_path / "store.json", file) == first

    assert digest(tmp_path / "store.json", file.rename(tmp_path / "b")) != first


def test_a_damaged_store_and_a_folder_that_takes_no_file_cost_reading_again(
    tmp_path: Path, read: list[Path]
) -> None:
    file = write(tmp_path / "a", b"1")
    (tmp_path / "store.json").write_text("{")
    first = digest(tmp_path / "store.json", file)

    assert digest(Path("/proc/no/store.json"), file) == first
    assert read == [file, file]


def test_a_name_that_is_no_utf8_is_kept(tmp_path: Path, read: list[Path]) -> None:
    file = write(tmp_path / os.fsdecode(b"caf\xe9.png"), b"1")
    digest(tmp_path / "store.json", file)

    digest(tmp_path / "store.json", file)

    assert read == [file]


def test_a_long_reading_is_announced(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(content, "_LONG_BYTES", 10)
    file = write(tmp_path / "weights", bytes(10))

    digest(tmp_path / "store.json", file)
    assert capsys.readouterr().err.startswith("Reading 0.0 GB of ")

    digest(tmp_path / "store.json", file)
    assert capsys.readouterr().err == ""
