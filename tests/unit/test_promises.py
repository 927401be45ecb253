"""What README and pages promise is held: each part of them has tests, and these run code.

The page on measuring and a few tables name their tests themselves; for other pages the one on tests
has a table. That a test is there and runs the module that it is named after is looked at in its
syntax: what it calls, the fixtures that it takes, and what these call in turn.
"""

import ast
import re
from pathlib import Path

import pytest
from reached_code import SOURCE, TESTS, list_imported, list_reached, read_file, write_code

REPOSITORY = Path(__file__).parents[2]
TEST_NAME = re.compile(r"`((?:\w+/)*test_\w+\.py)::(test_\w+)`")
OF_ANOTHER = {
    "test_an_energy_window_samples_four_times_a_second_while_the_device_works": (
        "vlmeter.measure.energy.rounds"
    ),
}
"""Tests that stand beside those of what they are about, by the module that they run."""
WITHOUT_PROMISE = {
    "docs/measuring.md": (
        "What a figure means, how it is got",
        "- *The sensor itself* is NVIDIA's.",
        "- *Limits*: costs are of forced lengths",
        "| figure | tasks |",
        "Samples, images and answers are read and written in groups of rows",
        "| largest resident memory of |",
        "What grows: ",
    ),
    "README.md": (
        "VLMeter measures what a vision-language model costs",
        "Copy `config/demo.yaml`",
        "Then",
        "| asks |",
        "| runs |",
        "| input of the timed part |",
        "| quality |",
        "| energy |",
        "| FLOPs, layers |",
        "| run again |",
        "For other backends take",
    ),
    "docs/reading-the-report.md": (),
    "docs/several-gpus.md": ("With fakes of NVML",),
    "docs/clusters.md": (
        "`profiles/slurm` runs a study",
        "- **A shared file system** is needed",
        "`profiles/hosts/README.md` and",
        "| step of the test |",
        "`pytest tests/workflow/test_slurm.py`",
        "`containers/cpu.Dockerfile` and",
        "The image has its own copy",
        "Locks of a node lie in",
        "Of this the image for processors was built",
    ),
    "docs/security.md": (
        "| text that reaches a shell |",
        "Configs, data sets, model repositories, archives",
        "`make lint` runs bandit",
        "The tests note what Python asks",
        "and before that",
        "| call | from |",
        "Nothing else was tried",
    ),
    "docs/moving.md": ("Snakemake reads no profile of a module",),
    "docs/faults.md": ("| fault | times |", "CUDA's memory and the GPU that goes", "Seed 0,"),
}
"""Pages, and beginnings of their parts that explain, compare or show what was measured once."""
WHOLE = ("| figure | tasks |", "| largest resident memory of |", "| step of the test |")
WHOLE += ("| call | from |", "| fault | times |")
"""Tables that are one part; of others each row is."""


def read(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def list_parts(page: str) -> list[str]:
    """Return a page's paragraphs, bullets and rows of tables."""
    parts: list[str] = []
    for block in re.split(r"\n{2,}", read(page).strip()):
        if block.startswith(("#", "!", "    ")):
            continue
        if block.startswith("|") and not block.startswith(WHOLE):
            parts += block.splitlines()[2:]
        else:
            parts += re.split(r"\n(?=- |\d+\. )", block)
    return parts


def list_promises() -> list[tuple[str, str, str]]:
    """Return the rows of the table: page, its words, tests."""
    _, table = read("docs/tests.md").split("| page | promise | test |\n")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]
    paths = {Path(page).name: page for page in WITHOUT_PROMISE}
    return [(paths[page.strip("`")], words, tests) for page, words, tests in rows]


PROMISES = list_promises()
NAMED = sorted(
    {
        name
        for text in (*map(read, WITHOUT_PROMISE), *(tests for *_, tests in PROMISES))
        for name in TEST_NAME.findall(text)
    }
)


def join_lines(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("page", WITHOUT_PROMISE)
def test_every_part_has_a_test_or_promises_nothing(page: str) -> None:
    promised = [words for own, words, _ in PROMISES if own == page]
    wrong = [
        part
        for part in list_parts(page)
        if part.startswith(WITHOUT_PROMISE[page]) == has_test(part, promised)
    ]
    assert wrong == []


def has_test(part: str, promised: list[str]) -> bool:
    """Return whether a part names a test, or holds words of the table."""
    text = join_lines(part)
    return bool(TEST_NAME.search(part)) or any(words in text for words in promised)


@pytest.mark.parametrize("page", WITHOUT_PROMISE)
def test_what_is_listed_is_on_the_page(page: str) -> None:
    text = join_lines(read(page))
    promised = [(words, tests) for own, words, tests in PROMISES if own == page]
    assert [words for words, _ in promised if words not in text] == []
    assert [words for words, tests in promised if not TEST_NAME.search(tests)] == []
    parts = "\n".join(f"\n{part}" for part in list_parts(page))
    assert [start for start in WITHOUT_PROMISE[page] if f"\n{start}" not in parts] == []


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
        assert modules or re.search(r"snakemake|make|workflow/|profiles/|docs/|containers/", code)


def test_a_test_that_runs_nothing_of_the_package_is_noticed(tmp_path: Path) -> None:
    empty = tmp_path / "test_latency.py"
    empty.write_text("def test_nothing():\n    assert True\n", encoding="utf-8")
    assert not [
        each for each in list_reached(empty, "test_nothing", set()) if isinstance(each, str)
    ]
