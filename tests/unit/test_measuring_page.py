"""The page on how figures are measured names tests: they must be there."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/measuring.md").read_text()
NAMED = re.findall(r"`((?:\w+/)*test_\w+\.py)::(test_\w+)`", PAGE)


def named_in(name):
    (file,) = (REPOSITORY / "tests").rglob(name)
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_mistake_of_the_field_has_its_test():
    assert len(NAMED) >= 25


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_is_there(file, test):
    assert test in named_in(file)
