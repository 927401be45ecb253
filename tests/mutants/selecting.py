"""Selects the tests that can notice a change of a module."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from drawing import PACKAGE

TESTS = Path("tests/unit")
SUPPORT = Path("tests/support")
MEASURES = ("cell", "measure", "machine")
"""What tests of whole cells use all of."""
FETCHES = Path("tests/hub")
"""Tests that fetch from a fake Hub, in processes of their own: they reach all of `data`."""


def select_tests(file: Path) -> Iterator[list[Path]]:
    """Yield the tests that stand where a module stands, then others that reach it.

    Those are tests that import the module, of its package, for what measures those of cells, and
    for what reads data those of fetching it.
    """
    place = file.relative_to(PACKAGE)
    module = ".".join((PACKAGE.name, *place.with_suffix("").parts))
    own = sorted((TESTS / place.parent).glob(f"test_{place.stem}*.py"))
    folders = {place.parts[0], "cell"} if place.parts[0] in MEASURES else {place.parts[0]}
    others = [test for test in sorted(TESTS.rglob("test_*.py")) if test not in own]
    naming = [test for test in others if module in _imported(test)]
    near = [
        test
        for test in others
        if test.relative_to(TESTS).parts[0] in folders and module in _reach(test)
    ]
    # The narrow ones first: they are quick, and a mutant is given up at the first failure.
    groups = (own, naming, [test for test in near if test not in naming])
    yield from (sorted(group, key=lambda test: len(_reach(test))) for group in groups if group)
    if place.parts[0] == "data":
        yield sorted(FETCHES.glob("test_hub_*.py"))


@cache
def _reach(test: Path) -> frozenset[str]:
    """Return the modules of the package that a file of tests can run, by what it imports."""
    # Imported here: a pytest of a copy is forked with this module, and imports the copy's package.
    from vlmeter.code_digest import import_closure
    from vlmeter.source_file import module_file

    reached: set[str] = set()
    for name in _imported(test):
        if name.startswith(PACKAGE.name) and module_file(name):
            reached |= import_closure(name).keys()
        else:
            support = SUPPORT.joinpath(*name.split(".")).with_suffix(".py")
            reached |= _reach(support) if support.exists() else frozenset()
    # Fixtures of the folder; what all unit tests share reaches nearly all.
    fixtures = test.parent / "conftest.py"
    if test.name.startswith("test_") and test.parent != TESTS and fixtures.exists():
        reached |= _reach(fixtures)
    return frozenset(reached)


@cache
def _imported(file: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)
