"""The digest of the code changes when the code does something else, and only then."""

import shutil
import subprocess
import sys

import pytest

from vlmeter.provenance import git_state, import_closure, software_versions, source_digest


@pytest.fixture
def edited(tmp_path, repository):
    """Return the digest of a module of a copy of the package after an edit of a file."""
    shutil.copytree(repository / "src/vlmeter", tmp_path / "vlmeter")

    def digest(module, file=None, old="", new=""):
        if file is not None:
            path = tmp_path / "vlmeter" / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1))
        code = f"from vlmeter.provenance import source_digest; print(source_digest({module!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return digest


FILE = "attempts.py"
LINE = "    if last is None or last.key != key:\n        return 1\n"
SAME = {
    "a comment": (LINE, f"    # Nothing to go by.\n{LINE}"),
    "a blank line": (LINE, f"\n\n{LINE}"),
    "the layout": (LINE, "    if (\n        last is None or last.key != key\n    ): return 1\n"),
    "the module's docstring": ('"""How often a cell was tried', '"""How often it was tried'),
    "a function's docstring": ('"""Return the key of what', '"""Tell the key of what'),
    "a field's docstring": ('"""Digest of all that', '"""A digest of all that'),
}
OTHER = {
    "a number": ("return last.count + 1", "return last.count + 2"),
    "a name": ("def attempt_key", "def attempts_key"),
    "an operator": ("last.count < max_attempts", "last.count <= max_attempts"),
    "a text that is used": ('"*/*.json"', '"**/*.json"'),
    "a default": ("status: str\n", 'status: str = "ok"\n'),
}


@pytest.mark.parametrize("what", SAME)
def test_the_digest_does_not_see(edited, what):
    assert source_digest("vlmeter.inference") == edited("vlmeter.inference", FILE, *SAME[what])


@pytest.mark.parametrize("what", OTHER)
def test_the_digest_sees(edited, what):
    assert source_digest("vlmeter.inference") != edited("vlmeter.inference", FILE, *OTHER[what])


def test_the_digest_does_not_see_a_module_that_is_not_imported(edited):
    edit = ("metrics/wer.py", "import", "import math\nimport")
    assert source_digest("vlmeter.inference") == edited("vlmeter.inference", *edit)
    edit = ("metrics/wer.py", "import", "import string\nimport")
    assert source_digest("vlmeter.scoring") != edited("vlmeter.scoring", *edit)


def test_the_digest_sees_a_module_imported_inside_a_function(edited):
    edit = ("measure/latency.py", "import", "import math\nimport")
    assert source_digest("vlmeter.inference") != edited("vlmeter.inference", *edit)


def test_a_relative_import_is_refused_because_the_digest_would_miss_it(edited):
    with pytest.raises(AssertionError, match="uses absolute imports only"):
        edited("vlmeter.inference", FILE, "from vlmeter.errors import", "from .errors import")


def test_a_digest_of_several_modules_covers_both():
    both = source_digest("vlmeter.files", "vlmeter.locks")
    assert both == source_digest("vlmeter.locks", "vlmeter.files")
    assert both not in (source_digest("vlmeter.files"), source_digest("vlmeter.locks"))


def test_a_module_that_does_not_exist_is_an_error():
    with pytest.raises(ImportError, match=r"no module vlmeter\.nothing"):
        source_digest("vlmeter.nothing")


def test_the_closure_holds_packages_on_the_way():
    assert list(import_closure("vlmeter.data.images")) == [
        "vlmeter",
        "vlmeter.data",
        "vlmeter.data.images",
        "vlmeter.data.samples",
        "vlmeter.data.tables",
        "vlmeter.errors",
        "vlmeter.files",
    ]


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
    assert git_state() is None
    git(tmp_path, "init")
    assert git_state() is None
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "a")
    clean = git_state()
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "untracked.txt").write_text("b")
    assert git_state() == clean
    (tmp_path / "a.txt").write_text("b")
    assert git_state() == {**clean, "dirty": True}
