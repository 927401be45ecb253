"""Who may know whom: what re-measures a study, and what costs a start of torch."""

import ast
import subprocess
import sys

import pytest

from vlmeter.code_digest import import_closure

WITHOUT_TORCH = [
    "cell.attempts",
    "compare.page",
    "config.load",
    "config.reference",
    "data.download_dataset",
    "data.preprocess_images",
    "machine.devices",
    "machine.host",
    "machine.isolation",
    "machine.locks",
    "metrics.registry",
    "provenance",
    "reporting.figures.plot_forest",
    "reporting.figures.plot_layers",
    "reporting.figures.plot_requests",
    "reporting.figures.plot_tradeoff",
    "reporting.figures.plot_section",
    "reporting.render_report",
    "results.check_study",
    "decision.export_study",
    "results.judge_gates",
    "results.reference",
    "results.score_predictions",
    "scripting",
    "status",
    "storage.files",
    "study.gates",
    "study.jobs",
    "study.obstacles",
    "study.plan",
    "study.study",
]
FIGURES = ("section", "tradeoff", "forest", "requests", "layers")
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


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_this_costs_no_start_of_torch(module):
    assert packages_below(f"vlmeter.{module}").isdisjoint(HEAVY)


def test_before_the_fork_nothing_heavy_and_no_thread(run_python):
    code = (
        "import sys, threading\n"
        "import vlmeter.cell.run_inference, vlmeter.cell.profile_layers, vlmeter.scripting\n"
        "print(sorted({'torch', 'pyarrow', 'numpy', 'transformers'} & set(sys.modules)))\n"
        "print(threading.active_count())"
    )
    assert run_python(code).stdout == "[]\n1\n"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        # A study has a process for each figure, which takes less time than one of these.
        *((f"reporting.figures.plot_{name}", "pandas scipy PIL jinja2") for name in FIGURES),
        # A fetch may wait for a measurement of another study, or for that of idle power.
        ("models.fetch_model", "torch transformers"),
        # The child that measures is forked from it.
        ("machine.describe_machine", "torch transformers"),
    ],
)
def test_a_job_imports_nothing_heavy_before_it_begins(run_python, module, heavy):
    code = (
        f"import sys, vlmeter.{module}, vlmeter.scripting\n"
        f"print(sorted(set({heavy.split()}) & set(sys.modules)))"
    )
    assert run_python(code).stdout == "[]\n"


def test_what_a_job_imports_does_not_speak_on_the_terminal(run_python):
    """A script imports what its job needs before its log is open, and transformers torchao."""
    code = "import logging, vlmeter.models.load\nlogging.getLogger('torchao').error('no such file')"
    assert run_python(code).stderr == "no such file\n"


def test_reading_the_workflow_imports_nothing_heavy(run_python):
    code = (
        "import sys, vlmeter.config.load, vlmeter.study.jobs, vlmeter.study.study\n"
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

    mentions = {
        str(file): lines
        for file in sorted((repository / "src").rglob("*.py"))
        if (lines := list(speaks_of_it(file)))
    }
    assert mentions == {}


SLOW_IMPORTS = ("torch", "transformers", "datasets", "codecarbon", "fvcore", "jiwer")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("vlmeter.results.aggregate", (*SLOW_IMPORTS, "vl_convert", "jinja2")),
        ("vlmeter.reporting.render_report", SLOW_IMPORTS),
        ("vlmeter.reporting.figures.plot_section", (*SLOW_IMPORTS, "jinja2")),
    ],
)
def test_a_job_imports_only_what_it_needs(module, absent):
    code = f"import sys, {module}; print([n for n in {absent!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "module",
    ["results.aggregate", *(f"reporting.figures.plot_{what}" for what in FIGURES)],
)
def test_editing_the_page_or_its_layout_draws_no_figure_and_collects_nothing(module):
    closure = import_closure(f"vlmeter.{module}")
    for other in (
        *("page", "render_report", "sections.table", "sections.differences", "sections.costs"),
        *("sections.rows", "layers.tables", "published", "provenance", "remarks"),
        "figures.inline_figure",
    ):
        assert f"vlmeter.reporting.{other}" not in closure, other


@pytest.mark.parametrize("what", FIGURES)
def test_editing_a_figure_draws_no_other(what):
    closure = import_closure(f"vlmeter.reporting.figures.plot_{what}")
    drawn = {name for name in closure if ".plot_" in name}
    assert drawn == {f"vlmeter.reporting.figures.plot_{what}"}
