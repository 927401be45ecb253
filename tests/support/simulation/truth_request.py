"""What a table's row must say of a cell's requests, from the simulation alone."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from simulation.cells import NEW_TOKENS, SimulatedCell
from simulation.expected import AsJson, about
from simulation.ledger import Pass
from simulation.reference import IMAGE_TOKENS, ROWS, TEXT_TOKENS, Reference
from simulation.request import (
    DECODE_IMAGE_S,
    DETOKENIZE_S,
    PROCESSOR_S,
    RESIZE_S,
    TOKENIZE_S,
    TRANSFER_S,
)
from simulation.windows import T_4, is_request

BEFORE_S = {
    "decode_image": DECODE_IMAGE_S * ROWS,
    "resize": RESIZE_S * ROWS,
    "processor": PROCESSOR_S,
    # The prompts, and the image's places.
    "tokenize": 2 * TOKENIZE_S,
}
T = {
    **{3: 4.302653, 4: 3.182446, 5: T_4, 6: 2.570582, 7: 2.446912, 8: 2.364624},
    **{9: 2.306004, 10: 2.262157},
}
"""Student's quantile of 0.975 by how many rounds there may be; without a number they are ten."""
PARTS = (
    *BEFORE_S,
    *("transfer", "vision", "connector", "prefill", "decode", "detokenize", "other"),
)


def list_request_truths(cell: SimulatedCell, reference: Reference) -> dict[str, Any]:
    """Return what the columns of the request must show."""
    cards = cell.job.cell.gpus
    passes = [it for it in cell.list_passes("generate", NEW_TOKENS) if is_request(cell, it)]
    assert all(it.is_timed and not it.is_compiled for it in passes)
    # Before all, one in which the parts are looked for.
    own = passes if cards > 1 else passes[1:]
    later = own[_count_thrown_away([_sum_whole(it, on_card=bool(cards)) for it in own]) :]
    wholes = later if cards > 1 else later[::2]
    assert len(wholes) in ([cell.job.measure.repeats] if cell.job.measure.repeats else T)
    rounds = [_sum_whole(it, on_card=bool(cards)) for it in wholes]
    whole = float(np.median(rounds))
    half = T[len(wholes)] * np.std(rounds, ddof=1) / np.sqrt(len(rounds))
    near = {"rel": 2e-3}
    return {
        "request_s": about(whole, **near),
        "request_low_s": about(whole - half, **near),
        "request_high_s": about(whole + half, **near),
        "request_rounds_s": AsJson(about(rounds, **near)),
        "request_samples_per_s": about(ROWS / whole, **near),
        "request_tokens_in": IMAGE_TOKENS + TEXT_TOKENS,
        "request_tokens_out": NEW_TOKENS,
        "request_overlap": "none",
        "request_notes": _list_notes(cell),
        "request_reason": None,
        **(_list_no_parts() if cards > 1 else _list_parts(cell, later[1::2], reference)),
    }


def _count_thrown_away(seconds: Sequence[float]) -> int:
    """Return how many there are until two in a row differ by 5 % at most."""
    return 2 + next(
        place
        for place, (before, after) in enumerate(pairwise(seconds))
        if abs(after - before) <= 0.05 * min(after, before)
    )


def _sum_whole(it: Pass, *, on_card: bool) -> float:
    """Return a request's time: a card transfers behind the host, which waits for it later."""
    transfer = 0.0 if on_card else TRANSFER_S
    generation = it.ended_s - it.begun_s
    return sum(BEFORE_S.values()) + transfer + generation + DETOKENIZE_S * ROWS


def _list_notes(cell: SimulatedCell) -> str | None:
    if cell.job.cell.gpus > 1:
        return "the parts of a request are not timed on several GPUs, which share no clock"
    if cell.job.cell.optimization.compile is not None:
        return "a request runs uncompiled: compilation covers the timed forward alone"
    return None


def _list_no_parts() -> dict[str, Any]:
    shares = ("preprocessing_share", "preprocessing_low", "preprocessing_high", "parts_sum_s")
    return {
        **{f"request_{part}_s": None for part in PARTS},
        **{f"request_{name}": None for name in shares},
        "vision_share": None,
        "request_parts": "[]",
    }


def _list_parts(
    cell: SimulatedCell, passes: Sequence[Pass], reference: Reference
) -> dict[str, Any]:
    """Return the truths of the passes with marks."""
    stated = _state_generation(reference)
    # What made each pass longer than stated, made all its layers longer alike.
    factors = np.array([it.seconds / sum(stated.values()) for it in passes])
    seconds: dict[str, Any] = {
        **{part: np.full(len(passes), value) for part, value in BEFORE_S.items()},
        "transfer": np.full(len(passes), TRANSFER_S * cell.machine.settings.slowdown),
        **{part: value * factors for part, value in stated.items()},
        "detokenize": np.full(len(passes), DETOKENIZE_S * ROWS),
        "other": np.zeros(len(passes)),
    }
    whole: Any = sum(seconds.values())
    shares: Any = sum(seconds[part] for part in BEFORE_S) / whole
    share = float(np.median(shares))
    half = T_4 * np.std(shares, ddof=1) / np.sqrt(len(shares))
    shown = json.loads(cell.row.request_parts)
    assert [part["name"] for part in shown] == list(PARTS)
    assert all(part["low_s"] <= part["seconds"] <= part["high_s"] for part in shown)
    near = {"rel": 0.01, "abs": 1e-4}
    medians = {part: float(np.median(values)) for part, values in seconds.items()}
    return {
        **{f"request_{part}_s": about(median, **near) for part, median in medians.items()},
        "request_parts": AsJson([_state_part(part, values) for part, values in seconds.items()]),
        "request_parts_sum_s": about(float(np.median(whole)), rel=0.01),
        "request_preprocessing_share": about(share, rel=0.01),
        "request_preprocessing_low": about(share - half, rel=0.02),
        "request_preprocessing_high": about(share + half, rel=0.02),
        "vision_share": about(float(np.median(seconds["vision"] / whole)), rel=0.01),
    }


def _state_part(part: str, values: Any) -> dict[str, Any]:
    median = float(np.median(values))
    half = T_4 * np.std(values, ddof=1) / np.sqrt(len(values))
    near = {"rel": 0.01, "abs": 1e-4}
    return {
        "name": part,
        "seconds": about(median, **near),
        "low_s": about(max(0.0, median - half), **near),
        "high_s": about(median + half, **near),
        "reason": None,
    }


def _state_generation(reference: Reference) -> dict[str, float]:
    """Return what the stages of a generation are stated to take."""
    layers = reference.count_generation(NEW_TOKENS)
    stages = [(reference.model.stage_of(name), layer.seconds) for name, layer in layers.items()]
    vision = sum(seconds for stage, seconds in stages if stage == "vision")
    connector = sum(seconds for stage, seconds in stages if stage in ("qformer", "connector"))
    first, all_ = reference.run(1).seconds, reference.run(NEW_TOKENS).seconds
    return {
        "vision": vision,
        "connector": connector,
        "prefill": first - vision - connector,
        "decode": all_ - first,
    }
