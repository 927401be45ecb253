"""The tables of what is known to work: each row is a test, and no row is missing."""

import ast
import re
from functools import cache

import pytest
from reached_code import TESTS, list_imported, list_reached, read_file, write_code
from tiny_families import FAMILIES

from vlmeter.config.optimizations import BUILT_IN
from vlmeter.metrics.registry import TASK_METRICS
from vlmeter.models.support import PROVED

ROW = re.compile(r"((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?(?:\[([\w-]+)\])?")
"""A test, with its file alone or the case of a parameter."""


@pytest.fixture(scope="module")
def tables(repository):
    """The rows of each table, by its first heading; cells without their marks."""
    text = (repository / "docs/supported.md").read_text()
    by_heading, rows = {}, []
    for line in text.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            rows = []
        elif not rows:
            rows = by_heading.setdefault(cells[0], [cells])
        elif not set(line) <= set("|-"):
            rows.append(cells)
    del by_heading["model type"]
    return {heading: rows[1:] for heading, rows in by_heading.items()}


@pytest.fixture(scope="module")
def tests(repository):
    """Return the names of the tests in a file, named with as much of its path as is needed."""

    def in_file(name):
        (file,) = (repository / "tests").rglob(name)
        tree = ast.parse(file.read_text())
        return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    return in_file


IMAGE_TOKENS = "image tokens are limited by"


def test_there_are_five_tables(tables):
    assert list(tables) == ["models", "optimisations", IMAGE_TOKENS, "data", "metrics"]


def test_every_row_names_a_test_that_there_is(tables, tests):
    for rows in tables.values():
        for row in rows:
            file, name, case = ROW.fullmatch(row[-1]).groups()
            assert tests(file), row
            assert name is None or name in tests(file), row
            assert name is not None or case in FAMILIES, row


@cache
def list_code(file, name):
    """Return the modules that a row's test imports, and the code that it runs."""
    (path,) = TESTS.rglob(file)
    names = [name] if name else [test for test in read_file(path).definitions if "test_" in test]
    seen = set()
    reached = [each for test in names for each in list_reached(path, test, seen)]
    modules = list_imported({each for each in reached if isinstance(each, str)})
    return modules, "\n".join(write_code(each) for each in reached if isinstance(each, ast.AST))


def test_the_test_of_an_optimisation_runs_it(tables):
    for row in tables["optimisations"][:-1]:
        _, code = list_code(*ROW.fullmatch(row[-1]).groups()[:2])
        assert f"'{row[0]}'" in code, row
        assert re.search(r"\bassert\b|pytest\.raises", code), row


def test_the_test_of_a_metric_runs_it(tables):
    modules_of = {
        metric.name: metric.scores.__module__
        for metrics in TASK_METRICS.values()
        for metric in metrics
    }
    for row in tables["metrics"]:
        modules, _ = list_code(*ROW.fullmatch(row[-1]).groups()[:2])
        assert modules_of[row[0]] in modules, row


def test_the_test_of_a_model_or_of_data_runs_the_package(tables):
    for row in (*tables["models"], *tables["data"]):
        modules, code = list_code(*ROW.fullmatch(row[-1]).groups()[:2])
        assert modules, row
        assert re.search(r"\bassert\b|pytest\.raises", code), row


def test_the_models_are_those_that_are_proved(tables):
    rows = [row for row in tables["models"] if row[1]]
    assert {re.search(r"\[(.+)\]", row[-1])[1] for row in rows} == set(FAMILIES)
    assert {row[1] for row in rows} == set(PROVED)


def test_the_optimisations_are_those_that_every_study_knows(tables):
    assert {row[0] for row in tables["optimisations"][:-1]} == set(BUILT_IN)


def test_the_metrics_are_those_of_the_tasks(tables):
    tasks = {}
    for task, metrics in TASK_METRICS.items():
        for metric in metrics:
            tasks.setdefault(metric.name, []).append(task)
    listed = {row[0]: row[1] for row in tables["metrics"]}
    assert listed.pop("wer") == "all"
    assert len(tasks.pop("wer")) == len(TASK_METRICS)
    assert listed == {name: ", ".join(of) for name, of in tasks.items()}


def test_the_readme_names_what_the_tables_hold(repository, tables):
    section = (repository / "README.md").read_text().split("## What is known to work")[1]
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", section.split("\n## ")[0], re.MULTILINE))
    assert list(rows) == [name for name in tables if name != IMAGE_TOKENS]
    for kind in ("optimisations", "metrics"):
        named = [row[0] for row in tables[kind] if " " not in row[0]]
        assert re.findall(r"`(\w+)`", rows[kind]) == named
    named = {name.split(" with ")[0] for row in tables["models"] if row[1] for name in [row[0]]}
    models = rows["models"].split(";")[0].replace(" and ", ", ").split(", ")
    assert set(models) == {model for name in named for model in name.split(", ")}
