"""The page in a browser without a network: it fits a phone and a desk, asks for nothing."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from study_factory import Files

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = 1280, 390
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # Whatever is asked for outside these files fails, and is heard of.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"),
    *("--enable-logging=stderr", "--virtual-time-budget=8000", "--hide-scrollbars"),
]
# Opens every page at every width in a frame, and writes down what can be seen of it.
HARNESS = """<!doctype html><meta charset="utf-8"><pre id="found"></pre><script>
const found = [], wanted = %s;
let left = wanted.length;
for (const [page, width] of wanted) {
  const frame = document.createElement("iframe");
  frame.style = `width: ${width}px; height: 900px; border: 0`;
  frame.onload = () => {
    const page_ = frame.contentDocument, root = page_.documentElement;
    for (const box of page_.querySelectorAll("details")) box.open = true;
    const wide = [...page_.querySelectorAll("main *, header *")].filter((one) =>
      !one.closest(".scroll, pre, nav, svg, .prose table") &&
      one.getBoundingClientRect().right > width + 1);
    found.push({page, width, scroll: root.scrollWidth,
      wide: wide.map((one) => one.tagName + "." + one.className),
      pictures: [...page_.images].map((one) => one.naturalWidth),
      figures: page_.querySelectorAll("figure svg").length,
      asked: frame.contentWindow.performance.getEntriesByType("resource")
        .map((one) => one.name).filter((name) => !name.startsWith("data:"))});
    if (!--left) document.getElementById("found").textContent = JSON.stringify(found);
  };
  frame.src = page;
  document.body.append(frame);
}
</script>"""


def seen(
    files: Files, folder: Path, english: int, russian: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """What the browser found on each page and width, and what it complained of."""
    assert CHROMIUM is not None
    widths = {"study.html": english, "study.ru.html": russian}
    wanted = [[(files.folder / name).as_uri(), width] for name, width in widths.items()]
    harness = folder / "harness.html"
    harness.write_text(HARNESS % json.dumps(wanted))
    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, harness.as_uri()], capture_output=True, text=True, timeout=90, check=True
    )
    (text,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(text.replace("&amp;", "&")), complaints


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
@pytest.mark.parametrize(
    ("which", "english", "russian"), [("rendered", DESK, PHONE), ("hostile", PHONE, DESK)]
)
def test_the_page_fits_and_asks_for_nothing(which, english, russian, request, tmp_path):
    found, complaints = seen(request.getfixturevalue(which), tmp_path, english, russian)
    assert complaints == []
    assert {one["width"] for one in found} == {DESK, PHONE}
    for one in found:
        assert one["asked"] == [], one
        assert one["scroll"] == one["width"], one
        assert one["wide"] == [], one
        assert one["figures"] == 7
        assert len(one["pictures"]) == 9
        assert min(one["pictures"]) > 0


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
def test_what_is_wrong_with_a_page_is_seen(tmp_path):
    """The test above can fail: a page that is too wide, asks and complains."""
    bad = (
        '<!doctype html><main><div style="width: 2000px">wide</div></main>'
        '<img src="http://example.org/a.png"><script>console.error("heard")</script>'
    )
    for name in ("study.html", "study.ru.html"):
        (tmp_path / name).write_text(bad)
    found, complaints = seen(Files(tmp_path), tmp_path, DESK, PHONE)
    assert any("heard" in line for line in complaints)
    for one in found:
        assert one["asked"] == ["http://example.org/a.png"]
        assert one["scroll"] >= 2000
        assert one["wide"] == ["DIV."]
