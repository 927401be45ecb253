"""What the page on measuring promises is held: each part of it names tests, and these run code.

That a test is there and runs the module that it is named after is looked at in its syntax: what it
calls, the fixtures that it takes, and what these call in turn.
"""

import ast
import re
from pathlib import Path

import pytest
from reached_code import SOURCE, TESTS, list_imported, list_reached, read_file, write_code

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/measuring.md").read_text()
TEST_NAME = re.compile(r"`((?:\w+/)*test_\w+\.py)::(test_\w+)`")
NAMED = sorted(set(TEST_NAME.findall(PAGE)))
OF_ANOTHER = {
    "test_an_energy_window_samples_four_times_a_second_while_the_device_works": (
        "vlmeter.measure.energy.rounds"
    ),
}
"""Tests that stand beside those of what they are about, by the module that they run."""
WITHOUT_PROMISE = (
    "What a figure means, how it is got",
    "- *The sensor itself* is NVIDIA's.",
    "| figure | tasks |",
    "Samples, images and answers are read and written in groups of rows",
    "| largest resident memory of |",
    "What grows: ",
)
"""Beginnings of the parts that explain, or show what a benchmark measured: they name no test."""


def list_parts() -> list[str]:
    """Return the page's paragraphs, bullets and tables; of the tables of tests each row."""
    parts: list[str] = []
    for block in re.split(r"\n{2,}", PAGE):
        if block.startswith("#"):
            continue
        if block.startswith("| mistake |"):
            parts += block.splitlines()[2:]
        else:
            parts += re.split(r"\n(?=- )", block)
    return parts


PARTS = list_parts()


@pytest.mark.parametrize("part", PARTS, ids=[part[:40] for part in PARTS])
def test_every_part_names_a_test_or_promises_nothing(part: str) -> None:
    promises = not part.startswith(WITHOUT_PROMISE)
    assert bool(TEST_NAME.search(part)) == promises


def test_what_promises_nothing_is_on_the_page() -> None:
    assert [start for start in WITHOUT_PROMISE if not any(map(start_of(start), PARTS))] == []


def start_of(start: str):
    return lambda part: part.startswith(start)


def find_module(path: Path) -> str | None:
    """Return the module that a file of unit tests is named after."""
    relative = path.relative_to(TESTS)
    if relative.parts[0] != "unit":
        return None
    name = path.stem.removeprefix("test_").removesuffix("_laws")
    module = ".".join(("vlmeter", *relative.parts[1:-1], name))
    return module if SOURCE.joinpath(*module.split(".")).with_suffix(".py").exists() else None


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_named_test_is_there_and_runs_what_it_is_named_after(file: str, test: str) -> None:
    (path,) = TESTS.rglob(file)
    function = read_file(path).definitions[test]
    reached = list(list_reached(path, test, set()))
    modules = {each for each in reached if isinstance(each, str)}
    code = "\n".join(write_code(each) for each in reached if isinstance(each, ast.AST))
    assert "skip" not in "".join(map(ast.unparse, function.decorator_list))
    assert re.search(r"\bassert\b|pytest\.raises|\bassert_\w+\(", code)
    module = OF_ANOTHER.get(test) or find_module(path)
    if module is not None:
        assert module in list_imported(modules)
    else:
        assert modules or "snakemake" in code


def test_a_test_that_runs_nothing_of_the_package_is_noticed(tmp_path: Path) -> None:
    empty = tmp_path / "test_latency.py"
    empty.write_text("def test_nothing():\n    assert True\n")
    assert not [
        each for each in list_reached(empty, "test_nothing", set()) if isinstance(each, str)
    ]
