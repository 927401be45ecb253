"""The comparison's page in a browser: it fits the window, loads nothing and logs no error."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest
from study_factory import MadeStudy, slow_down
from study_steps import TEMPLATES, write_study

from vlmeter.compare.page import compare

BROWSER = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)
WIDTHS = (1280, 390)
PROBE = """
addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")].map((frame) => {
    const root = frame.contentDocument.documentElement;
    const requests = frame.contentWindow.performance.getEntriesByType("resource");
    return {
      width: frame.contentWindow.innerWidth, needs: root.scrollWidth,
      height: root.scrollHeight, requests: requests.map((entry) => entry.name),
    };
  });
  document.body.dataset.frames = JSON.stringify(frames);
});
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    changed = MadeStudy(seed=1)
    slow_down(changed)
    before, after = write_study(MadeStudy(), folder / "a"), write_study(changed, folder / "b")
    return compare([before, after], folder / "out", TEMPLATES)[1]


@pytest.fixture(scope="module")
def observed(
    page: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, Any]], str]:
    """Return what the browser measures of the page at every width, and what it logs."""
    folder = tmp_path_factory.mktemp("browser")
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border: 0" '
        f'srcdoc="{escape(page.read_text(encoding="utf-8"), quote=True)}"></iframe>'
        for width in WIDTHS
    )
    table = folder / "all.html"
    table.write_text(f"<!doctype html><script>{PROBE}</script><body>{frames}</body>")
    command = [
        *(str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--user-data-dir={folder}/profile", "--window-size=1400,900", "--dump-dom"),
        *("--enable-logging=stderr", "--disable-background-networking", table.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    match = re.search(r'data-frames="([^"]*)"', done.stdout)
    assert match is not None, done.stderr
    return json.loads(unescape(match[1])), done.stderr


def test_the_page_fits_the_window_at_every_width(observed) -> None:
    assert [frame["width"] for frame in observed[0]] == list(WIDTHS)
    assert all(frame["height"] > 2000 for frame in observed[0])
    assert [frame for frame in observed[0] if frame["needs"] > frame["width"]] == []


def test_the_page_loads_nothing_and_logs_no_error(observed) -> None:
    frames, log = observed
    assert [frame["requests"] for frame in frames if frame["requests"]] == []
    assert [line for line in log.splitlines() if "CONSOLE" in line] == []
