"""What the pages name is there: links, files, commands, targets, tests, modules, settings."""

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from vlmeter.axes import AXIS_NAMES
from vlmeter.cli import main

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "config/README.md", "CHANGELOG.md")),
    *(REPOSITORY / name for name in ("demo/README.md", "profiles/default/README.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *(REPOSITORY / "docs/measurements").glob("*.md"),
]
MADE_BY_A_RUN = ("results/", "data/", "report.html", ".venv", ".snakemake")
"""Beginnings of paths that a user has and the repository has not."""
EXAMPLES = re.compile(r"my-study|results/(x|y|before|after)|kept/|baselines/|lantern|brevity")


def named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def tokens(page: Path) -> list[Token]:
    parsed = MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))
    return [inner for token in parsed for inner in (token, *(token.children or ()))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def commands(page: Path) -> str:
    """What stands in code, without which a word is no command."""
    code = [token.content for token in tokens(page) if token.type in ("code_inline", "code_block")]
    return "\n".join(code)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [
        str(token.attrs.get("href") or token.attrs.get("src"))
        for token in tokens(page)
        if token.type in ("link_open", "image")
    ]
    for link in links:
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert REPOSITORY in target.parents, link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_target_of_make_is_there(page: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):(?!=)", makefile, re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", commands(page), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_run_is_there(page: Path, capsys) -> None:
    assert "python -m vlmeter" not in page.read_text("utf-8")
    for name in re.findall(r"(?:^|bin/)vlmeter ([a-z]+)", commands(page), re.MULTILINE):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0, name
        assert name in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    inline = [token.content for token in tokens(page) if token.type == "code_inline"]
    paths = [
        word.partition("::")[0]
        for text in inline
        for word in text.split()
        if re.fullmatch(
            r"(src|docs|config|tests|workflow|report|envs|profiles|demo)/[\w./-]+", word
        )
    ]
    missing = [
        path
        for path in paths
        if not EXAMPLES.search(path)
        and not path.startswith(MADE_BY_A_RUN)
        and not (REPOSITORY / path).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    tests = re.findall(
        r"\b(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?", page.read_text("utf-8")
    )
    for name, test in tests:
        files = list((REPOSITORY / "tests").rglob(name))
        assert len(files) == 1, f"{name}: name it with its folder"
        assert not test or f"def {test}(" in files[0].read_text(), f"{name}::{test}"


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 120


def test_pictures_are_small_and_described() -> None:
    pictures = [token for page in PAGES for token in tokens(page) if token.type == "image"]
    assert [picture for picture in pictures if len(picture.content) < 20] == []
    large = [
        file.name
        for file in (REPOSITORY / "docs/images").glob("*")
        if file.stat().st_size > 150_000
    ]
    assert large == []


def test_the_readme_of_the_config_names_every_axis() -> None:
    text = (REPOSITORY / "config/README.md").read_text()
    assert [axis for axis in AXIS_NAMES if f"`{axis}`" not in text] == []
