"""The same study gives the same archive, wherever and whenever it is written."""

import os
import zipfile

from archives import FILES, read_manifest

from vlmeter.storage.archive import describe_left_out, read_left_out, write_archive
from vlmeter.storage.files import file_sha256, write_json
from vlmeter.storage.layout import StudyFolder

LEFT_OUT = {"images": ["data/b.parquet", "data/a.parquet"], "weights": []}


def write_files(folder, mode):
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        os.utime(path, (mode, mode))
    return {name: folder / name for name in FILES}


def test_the_bytes_follow_from_the_files_alone(tmp_path):
    first = write_files(tmp_path / "first", 0o644)
    second = dict(reversed(write_files(tmp_path / "second é", 0o600).items()))
    write_archive(tmp_path / "first.zip", "small", first, LEFT_OUT)
    write_archive(tmp_path / "second.zip", "small", second, LEFT_OUT)
    of_bytes = {name: text.encode() for name, text in FILES.items()}
    write_archive(tmp_path / "third.zip", "small", of_bytes, LEFT_OUT)

    sums = {file_sha256(path) for path in tmp_path.glob("*.zip")}

    assert len(sums) == 1


def test_the_manifest_has_each_file_and_what_is_left_out(tmp_path):
    files = write_files(tmp_path / "study", 0o644)
    write_archive(tmp_path / "study.zip", "small", files, LEFT_OUT)

    manifest = read_manifest(tmp_path / "study.zip")

    assert manifest["contents"] == {
        name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for name, path in files.items()
    }
    assert manifest["left_out"] == {"images": ["data/a.parquet", "data/b.parquet"]}
    assert zipfile.ZipFile(tmp_path / "study.zip").testzip() is None


def test_a_study_that_was_measured_here_left_nothing_out(tmp_path):
    assert read_left_out(StudyFolder(tmp_path)) == {}
    assert describe_left_out({}) == ""


def test_an_imported_study_says_what_its_archive_left_out(tmp_path):
    files = write_files(tmp_path / "study", 0o644)
    write_archive(tmp_path / "study.zip", "small", files, LEFT_OUT)
    folder = StudyFolder(tmp_path)
    write_json(folder.archive, read_manifest(tmp_path / "study.zip"))

    left_out = read_left_out(folder)

    words = "Left out: 2 files of images, such as data/a.parquet."
    assert describe_left_out(left_out) == words
