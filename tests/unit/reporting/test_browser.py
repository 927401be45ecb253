"""The page in a browser without a network: it fits a phone and a desktop, and loads nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from study_files import Files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = 1280, 390
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # A request for anything but these files fails and is logged.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"),
    *("--enable-logging=stderr", "--virtual-time-budget=8000", "--hide-scrollbars"),
]
# Opens every page at every width in a frame, and records its layout and its requests.
HARNESS = """<!doctype html><meta charset="utf-8"><pre id="frames"></pre><script>
const frames = [], wanted = %s;
let left = wanted.length;
for (const [page, width] of wanted) {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 900px; border: 0`;
  frame.onload = () => {
    const page_ = frame.contentDocument, root = page_.documentElement;
    for (const box of page_.querySelectorAll("details")) box.open = true;
    const wide = [...page_.querySelectorAll("main *, header *")].filter((element) =>
      !element.closest(".scroll, pre, nav, svg, .prose table") &&
      element.getBoundingClientRect().right > width + 1);
    frames.push({page, width, scroll: root.scrollWidth,
      wide: wide.map((element) => element.tagName + "." + element.className),
      pictures: [...page_.images].map((element) => element.naturalWidth),
      figures: page_.querySelectorAll("figure svg").length,
      requests: frame.contentWindow.performance.getEntriesByType("resource")
        .map((element) => element.name).filter((name) => !name.startsWith("data:"))});
    if (!--left) document.getElementById("frames").textContent = JSON.stringify(frames);
  };
  frame.src = page;
  document.body.append(frame);
}
</script>"""


def observe(
    files: Files, folder: Path, english: int, russian: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the browser measures of each page at each width, and what it logs."""
    assert CHROMIUM is not None
    widths = {"study.html": english, "study.ru.html": russian}
    wanted = [[(files.folder / name).as_uri(), width] for name, width in widths.items()]
    harness = folder / "harness.html"
    harness.write_text(HARNESS % json.dumps(wanted))
    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, harness.as_uri()], capture_output=True, text=True, timeout=90, check=True
    )
    (text,) = re.findall(r'<pre id="frames">(.*?)</pre>', done.stdout, re.DOTALL)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(text.replace("&amp;", "&")), complaints


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
@pytest.mark.parametrize(
    ("which", "english", "russian"), [("rendered", DESK, PHONE), ("hostile", PHONE, DESK)]
)
def test_the_page_fits_the_window_and_loads_nothing(which, english, russian, request, tmp_path):
    frames, complaints = observe(request.getfixturevalue(which), tmp_path, english, russian)
    assert complaints == []
    assert {frame["width"] for frame in frames} == {DESK, PHONE}
    for frame in frames:
        assert frame["requests"] == [], frame
        assert frame["scroll"] == frame["width"], frame
        assert frame["wide"] == [], frame
        assert frame["figures"] == 8
        assert len(frame["pictures"]) == 9
        assert min(frame["pictures"]) > 0


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
def test_faults_of_a_page_are_noticed(tmp_path):
    """Shows that the test above can fail: this page is too wide, loads a file and logs an error."""
    bad = (
        '<!doctype html><main><div style="width: 2000px">wide</div></main>'
        '<img src="http://example.org/a.png"><script>console.error("heard")</script>'
    )
    for name in ("study.html", "study.ru.html"):
        (tmp_path / name).write_text(bad)
    frames, complaints = observe(Files(tmp_path), tmp_path, DESK, PHONE)
    assert any("heard" in line for line in complaints)
    for frame in frames:
        assert frame["requests"] == ["http://example.org/a.png"]
        assert frame["scroll"] >= 2000
        assert frame["wide"] == ["DIV."]
