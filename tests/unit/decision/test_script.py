"""The rules in the page's script decide as those in Python do."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from contest_factory import make_random_contest, make_random_limits

from vlmeter.decision.candidates import Contest
from vlmeter.decision.choose import choose
from vlmeter.decision.decision import Decision
from vlmeter.escaping import script_json
from vlmeter.reporting.all_settings import MOST_ROWS
from vlmeter.reporting.packed_contests import pack_contest
from vlmeter.results.limits import Limits

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REPOSITORY = Path(__file__).parents[3]
STUDIES = 1000
LARGE = 2 * MOST_ROWS
"""Candidates of a study whose page does not show all settings."""
PAGE = """<!doctype html><meta charset="utf-8"><pre id="decided"></pre><script>%s</script><script>
const [contests, asked] = %s;
const unpacked = contests.map(unpack);
document.getElementById("decided").textContent =
  JSON.stringify(asked.map(([place, limits]) => decide(unpacked[place], limits)));
</script>"""
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which .ci/run installs")


def test_the_page_decides_as_python_does(tmp_path):
    rng = random.Random(7)
    studies = [make_random_contest(rng) for _ in range(STUDIES)]
    decisions = assert_both_decide_alike(studies, tmp_path)
    assert_every_rule_speaks(decisions)


def test_the_page_of_a_large_study_decides_as_python_does_under_any_limits(tmp_path):
    rng = random.Random(3)
    contests = [make_random_contest(rng, LARGE)[0] for _ in range(4)]
    studies = [(contest, make_random_limits(rng)) for contest in contests for _ in range(50)]
    decisions = assert_both_decide_alike(studies, tmp_path)
    named = {choice.cell for decision in decisions for choice in decision.choices}
    assert len(named) > 50


def assert_both_decide_alike(
    studies: Sequence[tuple[Contest, Limits]], folder: Path
) -> list[Decision]:
    """Check that the page names for each contest what Python does, and return that."""
    contests = {id(contest): contest for contest, _ in studies}
    places = {key: place for place, key in enumerate(contests)}
    packed = [pack_contest(contest, Limits()) for contest in contests.values()]
    asked = [[places[id(contest)], limits] for contest, limits in studies]
    script = (REPOSITORY / "report/templates/decide.js").read_text(encoding="utf-8")
    page = folder / "decide.html"
    page.write_text(PAGE % (script, script_json([packed, asked])), encoding="utf-8")
    (shown,) = re.findall(r'<pre id="decided">(.*?)</pre>', open_page(page, folder), re.DOTALL)
    decisions = [choose(contest, limits) for contest, limits in studies]
    for (contest, limits), decision, other in zip(
        studies, decisions, json.loads(shown), strict=True
    ):
        assert other == place_cells(decision, contest), limits
    return decisions


def place_cells(decision: Decision, contest: Contest) -> Any:
    """Return a decision as JSON, in which the place of a candidate stands for its cell."""
    places = {it.cell: place for place, it in enumerate(contest.candidates)}

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: replace(each) for name, each in value.items()}
        if isinstance(value, list):
            return [replace(each) for each in value]
        return places.get(value, value) if isinstance(value, str) else value

    return replace(json.loads(json.dumps(asdict(decision))))


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
