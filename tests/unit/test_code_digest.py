"""The digest of the code changes when the code does something else, and only then."""

import shutil

import pytest

from vlmeter import code_digest, source_file
from vlmeter.code_digest import import_closure, script_digest, source_digest

CACHED = (
    source_file.module_file,
    code_digest._file,
    code_digest._reached,
    code_digest._circle,
    code_digest._digests,
    code_digest.source_digest,
    code_digest.script_digest,
)


def forget():
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """Return the digest of a module of a package that is made of these files."""
    folder = tmp_path / "vlmeter"
    monkeypatch.setattr(source_file, "_SOURCE", folder)

    def digest(files, module="vlmeter.entry"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in {"__init__.py": "", **files}.items():
            path = folder / name
            for package in path.relative_to(folder).parents[:-1]:
                (folder / package).mkdir(parents=True, exist_ok=True)
                (folder / package / "__init__.py").touch()
            path.write_text(text)
        forget()
        return source_digest(module)

    yield digest
    forget()


@pytest.fixture
def edited(tmp_path, monkeypatch, repository):
    """Return the digest of a module of this package after an edit of a file."""
    shutil.copytree(repository / "src/vlmeter", tmp_path / "vlmeter")

    def digest(module, file, old, new):
        path = tmp_path / "vlmeter" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        monkeypatch.setattr(source_file, "_SOURCE", tmp_path / "vlmeter")
        forget()
        return source_digest(module)

    yield digest
    forget()


FILE, MODULE = "cell/attempts.py", "vlmeter.cell.attempts"
LINE = "    if last is None or last.key != key:\n        return 1\n"
SAME = {
    "a comment": (LINE, f"    # Nothing to go by.\n{LINE}"),
    "a blank line": (LINE, f"\n\n{LINE}"),
    "the layout": (LINE, "    if (\n        last is None or last.key != key\n    ): return 1\n"),
    "the module's docstring": ('"""How often a cell was tried', '"""How often it was tried'),
    "a function's docstring": ('"""Keep `attempt` as the last', '"""Keep an attempt as the last'),
    "a field's docstring": ('"""Digest of all that', '"""A digest of all that'),
}
OTHER = {
    "a number": ("return last.count + 1", "return last.count + 2"),
    "a name": ("def choose_attempt_count", "def attempts_count"),
    "an operator": ("last.count < max_attempts", "last.count <= max_attempts"),
    "a text that is used": ('"*/*.json"', '"**/*.json"'),
    "a default": ("status: str\n", 'status: str = "ok"\n'),
}


@pytest.mark.parametrize("what", SAME)
def test_the_digest_does_not_see(edited, what):
    assert source_digest(MODULE) == edited(MODULE, FILE, *SAME[what])


@pytest.mark.parametrize("what", OTHER)
def test_the_digest_sees(edited, what):
    assert source_digest(MODULE) != edited(MODULE, FILE, *OTHER[what])


@pytest.mark.parametrize(
    ("module", "seen"),
    [("vlmeter.cell.run_inference", False), ("vlmeter.results.score_predictions", True)],
)
def test_the_digest_sees_what_is_imported_alone(edited, module, seen):
    edit = ("metrics/wer.py", "import", "import math\nimport")
    assert (source_digest(module) != edited(module, *edit)) is seen


def test_the_digest_sees_a_module_imported_inside_a_function(edited):
    edit = ("measure/latency.py", "import", "import math\nimport")
    assert source_digest("vlmeter.cell.run_inference") != edited(
        "vlmeter.cell.run_inference", *edit
    )


SPEED = "def run():\n    return 1\n"
FORMS = {
    "a name": [
        ("speed.py", "from vlmeter.speed import run\nrun()"),
        ("rate.py", "from vlmeter.rate import run\nrun()"),
        ("far/away/rate.py", "from vlmeter.far.away.rate import run\nrun()"),
        ("speed.py", "from .speed import run\nrun()"),
        ("far/rate.py", "from .far.rate import run\nrun()"),
    ],
    "a name under another": [
        ("speed.py", "from vlmeter.speed import run as go\ngo()"),
        ("far/rate.py", "from vlmeter.far.rate import run as go\ngo()"),
    ],
    "a name inside a function": [
        ("speed.py", "def go():\n    from vlmeter.speed import run\n    return run()"),
        ("far/rate.py", "def go():\n    from vlmeter.far.rate import run\n    return run()"),
    ],
    "a module": [
        ("speed.py", "from vlmeter import speed\nspeed.run()"),
        ("speed.py", "from vlmeter import speed as s\ns.run()"),
        ("speed.py", "from . import speed\nspeed.run()"),
        ("speed.py", "import vlmeter.speed\nvlmeter.speed.run()"),
        ("speed.py", "import vlmeter.speed as fast\nfast.run()"),
        ("far/speed.py", "from vlmeter.far import speed\nspeed.run()"),
        ("far/away/rate.py", "from vlmeter.far.away import rate\nrate.run()"),
        ("far/away/rate.py", "import vlmeter.far.away.rate\nvlmeter.far.away.rate.run()"),
        ("far/away/rate.py", "from .far.away import rate\nrate.run()"),
    ],
    "a module inside a function": [
        ("speed.py", "def go():\n    from vlmeter import speed\n    return speed.run()"),
        ("far/rate.py", "def go():\n    from vlmeter.far import rate\n    return rate.run()"),
    ],
    "a module that is never used": [
        ("speed.py", "import vlmeter.speed"),
        ("far/rate.py", "from vlmeter.far import rate"),
    ],
    "a name that means something else as well": [
        ("speed.py", "from vlmeter import speed\ndef go(speed):\n    return speed"),
        ("far/speed.py", "from vlmeter.far import speed\ndef go(speed):\n    return speed"),
    ],
    "all names": [
        ("speed.py", "from vlmeter.speed import *\nrun()"),
        ("far/rate.py", "from vlmeter.far.rate import *\nrun()"),
    ],
    "several": [
        ("speed.py", "from vlmeter.other import a\nfrom vlmeter.speed import run"),
        ("abc.py", "from vlmeter.abc import run\nfrom vlmeter.other import a"),
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_module_that_is_moved_or_renamed_with_its_importers_leaves_the_digest(digest, form):
    digests = {
        digest({file: SPEED, "other.py": "a = 1", "entry.py": entry}) for file, entry in FORMS[form]
    }
    assert len(digests) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_module_that_does_something_else_changes_the_digest_of_all_that_import_it(digest, form):
    for file, entry in FORMS[form]:
        files = {file: SPEED, "other.py": "a = 1", "entry.py": entry}
        between = {**files, "entry.py": "from vlmeter import mid", "mid.py": entry}
        for tree in (files, between):
            assert digest(tree) != digest({**tree, file: SPEED.replace("1", "2")})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "from vlmeter import a, b\na.run(b.run)",
            "from vlmeter import a as b, b as a\na.run(b.run)",
        ),
        ("from vlmeter.a import run", "from vlmeter.b import run"),
        ("from vlmeter.a import run", "from vlmeter.a import walk as run"),
        ("from vlmeter.a import run\nrun()", "from vlmeter.a import run as r\nrun()"),
        (
            "from vlmeter import a\ndef go(x):\n    return a.run",
            "from vlmeter import a as x\ndef go(x):\n    return x.run",
        ),
        ("import vlmeter.a\nvlmeter.a.run()", "import vlmeter.b\nvlmeter.b.run()"),
        ("from vlmeter import a", "def go():\n    from vlmeter import a"),
        ("x = 1\nfrom vlmeter import a", "from vlmeter import a\nx = 1"),
        ("x = {None: y}", "x = {**y}"),
        ("x = 'y'", "x = y"),
        ("x = 1", "x = True"),
        ("x = 1", "x = 1.0"),
    ],
)
def test_files_that_do_other_things_have_other_digests(digest, first, second):
    files = {"a.py": SPEED, "b.py": "def run():\n    return 2"}
    assert digest({**files, "entry.py": first}) != digest({**files, "entry.py": second})


RING = {
    "entry.py": "from vlmeter import {a}\n{a}.run()",
    "{a}.py": "from vlmeter.{b} import walk\ndef run():\n    walk(1)",
    "{b}.py": "def walk(x):\n    from vlmeter import {c}\n    {c}.crawl()",
    "{c}.py": "def crawl():\n    from vlmeter.{a} import run\n    run()",
}


def ring(**names):
    return {file.format(**names): text.format(**names) for file, text in RING.items()}


def test_modules_that_import_each_other_can_be_renamed(digest):
    first = digest(ring(a="a", b="b", c="c"))
    assert digest(ring(a="r", b="q", c="p")) == first
    assert digest(ring(a="b", b="c", c="a")) == first


@pytest.mark.parametrize("module", ["a", "b", "c"])
def test_a_change_goes_round_a_circle(digest, module):
    files = ring(a="a", b="b", c="c")
    edited = {**files, f"{module}.py": f"{files[f'{module}.py']}\nEDITED = True"}
    for seen_from in ("entry", "a", "b", "c"):
        name = f"vlmeter.{seen_from}"
        assert digest(files, name) != digest(edited, name)


def test_a_large_circle_and_a_module_that_imports_itself_come_to_an_end(digest):
    names = [f"m{number}" for number in range(25)]
    everyone = "from vlmeter import " + ", ".join(names)
    files = {f"{name}.py": f"{everyone}\n{name} = 1" for name in names}
    first = digest({**files, "entry.py": everyone})
    assert first != digest({**files, "m7.py": f"{everyone}\nm7 = 2", "entry.py": everyone})


def test_a_long_chain_of_imports_is_followed(digest):
    chain = {f"m{number}.py": f"from vlmeter import m{number + 1}" for number in range(150)}
    ends = [{**chain, "m150.py": f"a = {number}"} for number in (1, 2)]
    assert len({digest(files, "vlmeter.m0") for files in ends}) == 2


def test_a_package_counts_where_it_does_something(digest):
    files = {"far/speed.py": SPEED, "entry.py": "from vlmeter.far.speed import run"}
    empty = digest(files)
    assert digest({**files, "far/__init__.py": '"""What is far."""'}) == empty
    assert digest({**files, "far/__init__.py": "import os"}) != empty


def test_packages_are_empty_where_nothing_must_be_done_on_the_way(repository):
    """Each is part of all that lies in it: code there would stand in many digests."""
    package = repository / "src/vlmeter"
    full = {
        str(file.parent.relative_to(package))
        for file in package.rglob("__init__.py")
        if not source_file.SourceFile(file, "").is_empty
    }
    # The first sets what libraries read when they are imported, the other is the table of families.
    assert full == {".", "models/families"}


def test_a_module_that_does_not_exist_is_an_error():
    with pytest.raises(ImportError, match=r"no module vlmeter\.nothing"):
        source_digest("vlmeter.nothing")


def test_the_closure_holds_packages_on_the_way():
    assert list(import_closure("vlmeter.data.preprocess_images")) == [
        "vlmeter",
        "vlmeter.data",
        "vlmeter.data.job",
        "vlmeter.data.manifests",
        "vlmeter.data.pixels",
        "vlmeter.data.png_chunks",
        "vlmeter.data.preprocess_images",
        "vlmeter.data.samples",
        "vlmeter.errors",
        "vlmeter.storage",
        "vlmeter.storage.files",
        "vlmeter.storage.parquet",
        "vlmeter.storage.places",
        "vlmeter.storage.texts",
        "vlmeter.storage.typed",
    ]


@pytest.fixture
def script(digest, tmp_path, monkeypatch):
    """Return the digest of a script beside a package of these files."""
    monkeypatch.setattr(code_digest, "SCRIPTS", tmp_path / "workflow/scripts")
    (tmp_path / "workflow/scripts").mkdir(parents=True)

    def compute_digest(text, **files):
        (tmp_path / "workflow/scripts/go.py").write_text(text)
        digest({f"{name}.py": text for name, text in files.items()}, "vlmeter")
        return script_digest("go")

    return compute_digest


GO = "from vlmeter.speed import run\nfrom vlmeter.scripting import run_job\nrun_job(run)"


def test_the_digest_of_a_script_is_of_what_it_calls_and_how(script):
    first = script(GO, speed=SPEED, scripting="def run_job(): ...")
    assert script(f"# Go.\n{GO}", speed=SPEED, scripting="") == first
    assert script(GO.replace("speed", "rate"), rate=SPEED, scripting="") == first
    assert script(GO, speed=SPEED.replace("1", "2"), scripting="") != first
    assert script(GO.replace("(run)", "(run, 1)"), speed=SPEED, scripting="") != first


def test_every_script_has_a_digest_of_its_own(repository, monkeypatch):
    monkeypatch.chdir(repository)
    names = [path.stem for path in (repository / "workflow/scripts").glob("*.py")]
    assert len({script_digest(name) for name in names}) == len(names)


def test_digests_do_not_depend_on_the_locale(run_python, repository):
    code = (
        f"import os; os.chdir({str(repository)!r})\n"
        "from pathlib import Path; from vlmeter.code_digest import script_digest\n"
        "from vlmeter.study.content import ContentDigests\n"
        "scripts = sorted(path.stem for path in Path('workflow/scripts').glob('*.py'))\n"
        "print([script_digest(script) for script in scripts])\n"
        "files = [file for file in Path('config').rglob('*') if file.is_file()]\n"
        "print(ContentDigests(Path('none.json')).digest(files, Path('config')))"
    )
    here = run_python(code, PYTHONUTF8="1")
    there = run_python(code, LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert here.stdout == there.stdout


def test_files_with_names_beyond_ascii_have_one_digest_in_each_locale(run_python, tmp_path):
    for name in ("é.bin", "z.bin", "ä/x.bin"):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text(name)
    code = (
        "from pathlib import Path; from vlmeter.study.content import ContentDigests\n"
        f"folder = Path({str(tmp_path / 'model')!r})\n"
        "files = [file for file in folder.rglob('*') if file.is_file()]\n"
        "print(ContentDigests(folder / 'none.json').digest(files, folder))"
    )
    runs = [
        run_python(code, LC_ALL=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        for locale in ("C", "C.UTF-8")
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
