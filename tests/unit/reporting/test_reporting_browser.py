"""The pages in a real browser: nothing is asked of any network, no error, nothing cut off."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from study_factory import TEMPLATES, Files, MadeStudy
from test_reporting_compare import finish, slower

from vlmeter.compare.__main__ import compare

BROWSER = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)
WIDTHS = (1280, 390)
LOOK = """
addEventListener("load", () => {
  const told = [...document.querySelectorAll("iframe")].map((frame) => {
    const root = frame.contentDocument.documentElement;
    const asked = frame.contentWindow.performance.getEntriesByType("resource");
    return {
      page: frame.title, width: frame.contentWindow.innerWidth, needs: root.scrollWidth,
      height: root.scrollHeight, asked: asked.map((one) => one.name),
    };
  });
  document.body.dataset.told = JSON.stringify(told);
});
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def pages(rendered: Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compared")
    changed = MadeStudy(seed=1)
    slower(changed)
    before, after = finish(MadeStudy(), folder / "a"), finish(changed, folder / "b")
    compared = compare(before, after, folder / "told", TEMPLATES)[1]
    return {
        "study": rendered.folder / "study.html",
        "study in Russian": rendered.folder / "study.ru.html",
        "comparison": compared,
    }


@pytest.fixture(scope="module")
def looked_at(
    pages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, Any]], str]:
    """What the browser tells of every page at every width, and what it logs."""
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe title="{name}" width="{width}" height="900" style="border: 0" '
        f'srcdoc="{escape(page.read_text(), quote=True)}"></iframe>'
        for name, page in pages.items()
        for width in WIDTHS
    )
    table = folder / "all.html"
    table.write_text(f"<!doctype html><script>{LOOK}</script><body>{frames}</body>")
    command = [
        *(str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--user-data-dir={folder}/profile", "--window-size=1400,900", "--dump-dom"),
        *("--enable-logging=stderr", "--disable-background-networking", table.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = re.search(r'data-told="([^"]*)"', done.stdout)
    assert told is not None, done.stderr
    return json.loads(unescape(told[1])), done.stderr


def test_every_page_is_shown_at_every_width(pages, looked_at) -> None:
    seen = [(one["page"], one["width"]) for one in looked_at[0]]
    assert seen == [(name, width) for name in pages for width in WIDTHS]
    assert all(one["height"] > 2000 for one in looked_at[0])


def test_no_page_is_wider_than_the_window(looked_at) -> None:
    assert [one for one in looked_at[0] if one["needs"] > one["width"]] == []


def test_no_page_asks_for_anything(looked_at) -> None:
    assert [one["asked"] for one in looked_at[0] if one["asked"]] == []


def test_no_page_has_an_error_to_tell(looked_at) -> None:
    assert [line for line in looked_at[1].splitlines() if "CONSOLE" in line] == []
