"""A chart in a browser: drawn by Vega under a policy that forbids everything else."""

import hashlib
import json
import re
import shutil
import subprocess
from base64 import b64encode

import pytest
from chart_factory import make_setting

from vlmeter.reporting.figures import vega_script
from vlmeter.reporting.figures.chart import compile_chart
from vlmeter.reporting.figures.plot_tradeoff import make_tradeoff_chart

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = '</script><img src=x onerror=console.error("hostile")>'
PROBE = """
document.addEventListener("chart-drawn", async (event) => {
  const {chart} = event.target;
  const read = () => [...event.target.querySelectorAll("text")].map((each) => each.textContent);
  const before = read();
  await chart.signal("across", "energy").runAsync();
  document.title = JSON.stringify({before, after: read()});
});
"""


@pytest.fixture
def page(tmp_path, repository):
    """Return a page with a trade-off of settings with hostile names."""
    settings = [
        make_setting(HOSTILE, latency=0.01, energy=3.0, forward_rate=100.0),
        make_setting("batch 4", latency=0.02, energy=2.0, forward_rate=200.0),
    ]
    spec = compile_chart(make_tradeoff_chart(settings, {"a/m": HOSTILE}, {"a": HOSTILE}))
    charts = repository / "report/templates/charts.js"
    scripts = (PROBE, vega_script.read_vega_script(), charts.read_text(encoding="utf-8"))
    allowed = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'"
    data = json.dumps(spec).replace("<", "\\u003c")
    path = tmp_path / "page.html"
    path.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><figure data-chart="c"><svg></svg></figure>'
        f'<script type="application/json" id="c">{data}</script>'
        + "".join(f"<script>{text}</script>" for text in scripts),
        encoding="utf-8",
    )
    return path


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
def test_a_chart_draws_itself_under_the_policy_and_follows_its_parameters(page, tmp_path):
    # Frames, by which a chart sees that it is in view, come late beside other work: the browser's
    # own time must not be over before.
    done = subprocess.run(
        [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--enable-logging=stderr", "--virtual-time-budget=1000000", "--dump-dom"),
            *(f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    (title,) = re.findall("<title>(.*?)</title>", done.stdout)
    shown = json.loads(title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert "Latency (ms per batch) →" in shown["before"]
    assert "Energy (J per sample) →" in shown["after"]
    assert "<img" not in done.stdout.split("<script")[0]
    assert any(text.startswith("</script><img") for text in shown["before"])


def test_the_script_is_bundled_once_and_a_damaged_copy_is_not_used(tmp_path, monkeypatch):
    bundles = []

    def bundle(snippet):
        bundles.append(snippet)
        return f"// {snippet}\nx < y\r\n"

    monkeypatch.setattr(vega_script.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(vega_script.vl_convert, "javascript_bundle", bundle)
    read = vega_script.read_vega_script.__wrapped__
    script = read()
    assert read() == script
    assert len(bundles) == 1
    (kept,) = (tmp_path / "vlmeter").iterdir()
    kept.write_bytes(kept.read_bytes() + b"alert(1)")
    assert read() == script
    assert len(bundles) == 2


def test_no_tag_can_end_the_script():
    assert "</script" not in vega_script.read_vega_script().lower()
    assert "<!--" not in vega_script.read_vega_script()
