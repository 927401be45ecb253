"""Digests are kept between runs, and made anew where anything that they follow from is another."""

import json
import shutil
import sys

import pytest

from vlmeter.study import script_digests
from vlmeter.study.script_digests import get_script_digest


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Return the scripts whose digests were made, which are so many hexadecimal digits."""
    (tmp_path / "package/below").mkdir(parents=True)
    (tmp_path / "workflow/scripts").mkdir(parents=True)
    for path in ("package/a.py", "package/below/b.py", *(f"workflow/scripts/{x}.py" for x in "xy")):
        (tmp_path / path).write_text("1")
    made = []

    def compute(script):
        made.append(script)
        return f"{len(made):016}"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(script_digests, "_PACKAGE", tmp_path / "package")
    monkeypatch.setattr(script_digests, "SCRIPTS", tmp_path / "workflow/scripts")
    monkeypatch.setattr(script_digests, "script_digest", compute)
    yield made
    script_digests._get_digests.cache_clear()


def begin_run():
    """Read the digests as a new process does; return them in the order of the scripts."""
    script_digests._get_digests.cache_clear()
    return get_script_digest("x"), get_script_digest("y")


def test_the_second_run_reads_what_the_first_made(made):
    assert begin_run() == begin_run()
    assert made == ["x", "y"]


@pytest.mark.parametrize(
    "file", ["package/a.py", "package/below/b.py", "package/new.py", "workflow/scripts/y.py"]
)
def test_an_edited_or_new_file_makes_them_again(made, tmp_path, file):
    first = begin_run()
    (tmp_path / file).write_text("2")
    assert not set(begin_run()) & set(first)


@pytest.mark.parametrize("change", ["removed", "renamed", "swapped"])
def test_a_file_that_goes_or_changes_its_name_makes_them_again(made, tmp_path, change):
    package = tmp_path / "package"
    (package / "c.py").write_text("3")
    first = begin_run()
    if change == "removed":
        (package / "c.py").unlink()
    elif change == "renamed":
        (package / "c.py").rename(package / "d.py")
    else:
        (package / "c.py").write_text("1")
        (package / "a.py").write_text("3")
    assert not set(begin_run()) & set(first)


def test_another_python_makes_them_again(made, monkeypatch):
    begin_run()
    monkeypatch.setattr(sys, "version", "4.0")
    begin_run()
    assert made == ["x", "y", "x", "y"]


def test_what_is_no_code_counts_nothing(made, tmp_path):
    first = begin_run()
    (tmp_path / "package/py.typed").touch()
    (tmp_path / "package/__pycache__").mkdir()
    (tmp_path / "package/__pycache__/a.cpython-311.pyc").write_bytes(b"1")
    assert begin_run() == first


@pytest.mark.parametrize("damage", ["cut off", "edited", "of another form"])
def test_a_damaged_file_makes_them_again(made, damage):
    begin_run()
    text = script_digests._KEPT.read_text()
    kept = json.loads(text)
    script_digests._KEPT.write_text(
        {
            "cut off": text[:40],
            "edited": text.replace("0000000000000001", "0000000000000009"),
            "of another form": json.dumps({"source": kept["source"]}),
        }[damage]
    )
    begin_run()
    assert made == ["x", "y", "x", "y"]


def test_where_nothing_can_be_written_each_run_makes_them(made, tmp_path):
    (tmp_path / ".snakemake").write_text("a file where the folder belongs")
    begin_run()
    begin_run()
    assert made == ["x", "y", "x", "y"]


def test_kept_digests_are_those_of_the_code(monkeypatch, tmp_path, repository):
    from vlmeter.code_digest import script_digest

    shutil.copytree(repository / "workflow", tmp_path / "workflow")
    monkeypatch.chdir(tmp_path)
    script_digests._get_digests.cache_clear()
    for _ in range(2):
        assert get_script_digest("aggregate") == script_digest("aggregate")
        script_digests._get_digests.cache_clear()
