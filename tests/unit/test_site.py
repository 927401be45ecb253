"""The documentation as a site: every page has a place, every link leads there, questions plan."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from vlmeter.config.load import check_config
from vlmeter.study.gates import check_gates
from vlmeter.study.sources import check_sources
from vlmeter.study.study import Study

REPOSITORY = Path(__file__).parents[2]
QUESTIONS = re.findall(
    r"^## (.*?)\n.*?^```yaml\n(.*?)^```",
    (REPOSITORY / "docs/questions.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_site", REPOSITORY / "docs/make_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def list_pages(entries: list[Any]) -> list[str]:
    pages = []
    for entry in entries:
        held = next(iter(entry.values())) if isinstance(entry, dict) else entry
        pages += list_pages(held) if isinstance(held, list) else [held]
    return pages


def test_every_page_has_a_place_and_every_link_leads_somewhere(
    maker: ModuleType, tmp_path: Path
) -> None:
    assert maker.lay_out(tmp_path / "site") == []

    settings = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text("utf-8"))
    placed = list_pages(settings["nav"])
    assert [name for name in placed if not (tmp_path / "site" / name).is_file()] == []
    assert len(set(placed)) == len(placed)
    own = [page.name for page in (REPOSITORY / "docs").glob("*.md")]
    assert set(own) | set(maker.OUTSIDE.values()) <= set(placed)


def test_links_lead_to_where_pages_came_and_files_come_along(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "docs/a.md": "[r](../README.md#top) [b](sub/b.md) [code](../src/x.py) [w](https://x.y/z)",
        "docs/sub/b.md": "![p](../p.svg) [gone](../c.md)",
        "docs/p.svg": "",
        "README.md": "[a](docs/a.md)",
        "src/x.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(maker, "REPOSITORY", tmp_path)
    monkeypatch.setattr(maker, "OUTSIDE", {"README.md": "readme.md"})
    site = tmp_path / "site"

    assert maker.lay_out(site) == ["docs/sub/b.md: ../c.md leads nowhere."]

    assert (site / "a.md").read_text("utf-8") == (
        "[r](readme.md#top) [b](sub/b.md) [code](files/src/x.py) [w](https://x.y/z)"
    )
    assert (site / "readme.md").read_text("utf-8") == "[a](a.md)"
    assert (site / "files/src/x.py").is_file()


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10
    assert all(question.endswith("?") for question, _ in QUESTIONS)


@pytest.mark.parametrize(("question", "text"), QUESTIONS, ids=[name for name, _ in QUESTIONS])
def test_a_question_is_a_short_config_that_plans(
    question: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert len(text.splitlines()) <= 25
    values = yaml.safe_load(text)
    kept = [gate for gate in values.get("gates", []) if "baseline" in gate]
    # Whoever asks has a study before the upgrade; here is none.
    values["gates"] = [gate for gate in values.get("gates", []) if gate not in kept]
    study = Study(check_config(values, question))
    check_sources(study, question)
    check_gates(study, question)
    assert len(study.cells) > 1
    assert len(check_config(yaml.safe_load(text), question).gates) == len(values["gates"]) + len(
        kept
    )
