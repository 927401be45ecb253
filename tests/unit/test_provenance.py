"""The software and the commit behind a result are recorded as they are."""

import subprocess
from dataclasses import replace

from vlmeter.provenance import read_git_state, software_versions


def test_versions_are_read_and_absence_is_said():
    assert software_versions(("pydantic", "no-such-package")) == {
        "pydantic": "2.14.3",
        "no-such-package": "absent",
    }


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_the_commit_and_whether_it_is_what_ran(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_git_state() is None
    git(tmp_path, "init")
    assert read_git_state() is None
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "a")
    clean = read_git_state()
    assert len(clean.commit) == 40
    assert clean.dirty is False
    (tmp_path / "untracked.txt").write_text("b")
    assert read_git_state() == clean
    (tmp_path / "a.txt").write_text("b")
    assert read_git_state() == replace(clean, dirty=True)


def test_a_machine_without_git_has_no_commit_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_git_state() is None
