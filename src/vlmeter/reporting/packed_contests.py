"""Packs the contests of a study for the page's script, which decides again as limits move.

Every candidate is packed, however many a study has: any of them may be the best, or tied with the
best, under some limit. So each takes about 200 bytes: lists instead of fields, its place in the
contest instead of ids, its setting as places in a list of words.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vlmeter.decision.candidates import Candidate, Contest, Cost
from vlmeter.decision.decide_study import Decided
from vlmeter.escaping import script_json
from vlmeter.results.limits import Limits

_BETWEEN = " · "
"""Stands between the values in the words for a setting."""


def pack_contests(entries: Iterable[tuple[Decided, Mapping[str, str]]]) -> str:
    """Return contests as JSON for `unpack` of `decide.js`, safe in a `<script>`.

    Args:
        entries: Contests with their limits, each with the words for its candidates by cell.
    """
    parts: dict[str, int] = {}
    contests = [
        {
            **pack_contest(entry.contest, entry.limits),
            "names": [
                [parts.setdefault(part, len(parts)) for part in names[it.cell].split(_BETWEEN)]
                for it in entry.contest.candidates
            ],
        }
        for entry, names in entries
    ]
    return script_json({"contests": contests, "parts": list(parts)})


def pack_contest(contest: Contest, limits: Limits) -> dict[str, Any]:
    """Return what a decision depends on; `cell` and `reference` become places from 0."""
    cells = [it.cell for it in contest.candidates]
    return {
        "dataset": contest.dataset,
        "metric": contest.metric,
        "higher_is_better": contest.higher_is_better,
        "reference": cells.index(contest.reference) if contest.reference in cells else None,
        "limits": limits,
        "candidates": [_pack_candidate(it) for it in contest.candidates],
    }


def _pack_candidate(candidate: Candidate) -> Sequence[Any]:
    """Return a candidate's values in the order in which the script reads them."""
    quality = candidate.quality
    return (
        candidate.nearness,
        _pack_cost(candidate.latency),
        _pack_cost(candidate.sample_time),
        _pack_cost(candidate.energy),
        candidate.memory_gb,
        None if quality is None else (quality.value, quality.below, quality.above),
        int(candidate.disturbed),
    )


def _pack_cost(cost: Cost | None) -> Sequence[float | None] | None:
    return None if cost is None else (cost.value, cost.log, cost.reach)
