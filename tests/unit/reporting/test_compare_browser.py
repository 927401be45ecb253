"""The comparison's page in a browser: it fits, asks for nothing and has no error to tell."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from study_factory import TEMPLATES, MadeStudy
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
      width: frame.contentWindow.innerWidth, needs: root.scrollWidth,
      height: root.scrollHeight, asked: asked.map((one) => one.name),
    };
  });
  document.body.dataset.told = JSON.stringify(told);
});
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    changed = MadeStudy(seed=1)
    slower(changed)
    before, after = finish(MadeStudy(), folder / "a"), finish(changed, folder / "b")
    return compare(before, after, folder / "told", TEMPLATES)[1]


@pytest.fixture(scope="module")
def looked_at(
    page: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, Any]], str]:
    """What the browser tells of the page at every width, and what it logs."""
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border: 0" '
        f'srcdoc="{escape(page.read_text(), quote=True)}"></iframe>'
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


def test_the_page_fits_the_window_at_every_width(looked_at) -> None:
    assert [one["width"] for one in looked_at[0]] == list(WIDTHS)
    assert all(one["height"] > 2000 for one in looked_at[0])
    assert [one for one in looked_at[0] if one["needs"] > one["width"]] == []


def test_the_page_asks_for_nothing_and_has_no_error_to_tell(looked_at) -> None:
    told, log = looked_at
    assert [one["asked"] for one in told if one["asked"]] == []
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
