"""What the page's script gets: every candidate, in few bytes, whatever its words are."""

import json
import random

from contest_factory import make_candidate, make_contest, make_random_contest

from vlmeter.decision.decide_study import decide
from vlmeter.reporting.packed_contests import pack_contests
from vlmeter.results.limits import Limits

WORDS = {"a": "batch 4 · 224 px", "b": "batch 4 · 448 px"}


def pack(contest, names, limits=None):
    return pack_contests([(decide(contest, limits or Limits()), names)])


def test_every_candidate_has_its_limits_and_its_setting_in_words():
    contest = make_contest(make_candidate("a", 0), make_candidate("b", 1), reference="b")
    packed = json.loads(pack(contest, WORDS, Limits(min_quality=0.5)))
    (plain,) = packed["contests"]
    names = [" · ".join(packed["parts"][part] for part in name) for name in plain["names"]]
    assert names == list(WORDS.values())
    assert plain["limits"]["min_quality"] == 0.5
    assert plain["reference"] == 1
    assert len(plain["candidates"]) == 2


def test_a_contest_without_a_reference_has_no_place_for_it():
    contest = make_contest(make_candidate("a", 0), reference="")
    assert json.loads(pack(contest, WORDS))["contests"][0]["reference"] is None


def test_words_cannot_end_the_script_that_holds_them():
    assert "<" not in pack(make_contest(make_candidate("a", 0)), {"a": "</script><b>"})


def test_a_candidate_takes_about_200_bytes():
    contest, _ = make_random_contest(random.Random(1), 1000)
    names = {it.cell: f"batch {it.nearness % 9} · 448 px" for it in contest.candidates}
    assert len(pack(contest, names)) < 220 * len(contest.candidates)
