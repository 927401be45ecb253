"""The rules in the page's script decide as those in Python do."""

import json
import random
import re
import shutil
import subprocess
from dataclasses import asdict
from typing import Any

import pytest
from contest_factory import make_random_contest

from vlmeter.decision.choose import choose

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STUDIES = 1000
PAGE = """<!doctype html><meta charset="utf-8"><pre id="decided"></pre><script>%s</script><script>
document.getElementById("decided").textContent =
  JSON.stringify(%s.map(([contest, limits]) => decide(contest, limits)));
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")
def test_the_page_decides_as_python_does(repository, tmp_path):
    rng = random.Random(7)
    studies = [make_random_contest(rng) for _ in range(STUDIES)]
    script = (repository / "report/templates/decide.js").read_text(encoding="utf-8")
    page = tmp_path / "decide.html"
    plain = json.dumps([[asdict(contest), asdict(limits)] for contest, limits in studies])
    page.write_text(PAGE % (script, plain), encoding="utf-8")
    decisions = [choose(contest, limits) for contest, limits in studies]
    assert_every_rule_speaks(decisions)
    (shown,) = re.findall(r'<pre id="decided">(.*?)</pre>', open_page(page, tmp_path), re.DOTALL)
    decided = json.loads(shown)
    for (contest, limits), decision, other in zip(studies, decisions, decided, strict=True):
        assert other == json.loads(json.dumps(asdict(decision))), (contest, limits)


def open_page(page: Any, tmp_path: Any) -> str:
    assert CHROMIUM is not None
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [CHROMIUM, *quiet, profile, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


def assert_every_rule_speaks(decisions: Any) -> None:
    """Check that the made-up studies come to every part of a decision, and to its lack."""
    for part in ("choices", "bar", "worse", "unjudged", "disturbed", "beyond", "nearest"):
        share = sum(bool(getattr(decision, part)) for decision in decisions) / len(decisions)
        assert 0.03 < share < 0.99, part
    ties = [bool(choice.tied) for decision in decisions for choice in decision.choices]
    assert 0.1 < sum(ties) / len(ties) < 0.9
