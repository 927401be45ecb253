"""Who may know whom: what re-measures a study, and what costs a start of torch."""

import ast

import pytest

from vlmeter.code_digest import import_closure

WITHOUT_TORCH = [
    "attempts",
    "check",
    "columns_reference",
    "compare.__main__",
    "config.load",
    "config.reference",
    "data.download",
    "data.images",
    "devices",
    "exports",
    "files",
    "gateplan",
    "gates",
    "host",
    "isolation",
    "jobs",
    "locks",
    "obstacles",
    "metrics.registry",
    "plan",
    "provenance",
    "record",
    "reporting.figures",
    "reporting.render",
    "scoring",
    "scripting",
    "study",
]
HEAVY = {"torch", "transformers", "codecarbon", "fvcore"}


def names_in(file):
    """Return the top-level packages that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def packages_below(module):
    return {name for file in import_closure(module).values() for name in names_in(file)}


@pytest.mark.parametrize("module", ["inference", "layerprofile", "models.fetch", "machine"])
def test_measuring_knows_nothing_of_metrics_report_or_study(module):
    parts = {name.split(".")[1] for name in import_closure(f"vlmeter.{module}") if "." in name}
    assert parts.isdisjoint(
        {"metrics", "reporting", "config", "study", "jobs", "scoring", "aggregation", "plan"}
    )


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_this_costs_no_start_of_torch(module):
    assert packages_below(f"vlmeter.{module}").isdisjoint(HEAVY)


def test_scoring_does_not_know_the_report():
    assert not any(".reporting" in name for name in import_closure("vlmeter.scoring"))


def test_before_the_fork_nothing_heavy_and_no_thread(run_python):
    code = (
        "import sys, threading\n"
        "import vlmeter.inference, vlmeter.layerprofile, vlmeter.scripting\n"
        "print(sorted({'torch', 'pyarrow', 'numpy', 'transformers'} & set(sys.modules)))\n"
        "print(threading.active_count())"
    )
    assert run_python(code).stdout == "[]\n1\n"


def test_reading_the_workflow_imports_nothing_heavy(run_python):
    code = (
        "import sys, vlmeter.config.load, vlmeter.jobs, vlmeter.study\n"
        "print(sorted({'torch', 'pyarrow', 'pandas', 'transformers', 'PIL'} & set(sys.modules)))"
    )
    assert run_python(code).stdout == "[]\n"


def test_no_module_imports_the_workflow_engine(repository):
    files = sorted((repository / "src").rglob("*.py"))
    assert [file for file in files if "snakemake" in set(names_in(file))] == []


def test_no_module_knows_that_the_demo_exists(repository):
    def speaks_of_it(file):
        for node in ast.walk(ast.parse(file.read_text())):
            words = [
                getattr(node, field, None) for field in ("id", "attr", "name", "arg", "module")
            ]
            if isinstance(node, ast.Constant):
                words.append(node.value)
            if any(isinstance(word, str) and "demo" in word.lower() for word in words):
                yield node.lineno

    found = {
        str(file): lines
        for file in sorted((repository / "src").rglob("*.py"))
        if (lines := list(speaks_of_it(file)))
    }
    assert found == {}
