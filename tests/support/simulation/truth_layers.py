"""What a layer profile must say, from the simulation alone: a value for each column of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from simulation.cells import NEW_TOKENS, SimulatedProfile
from simulation.model import HOOK_S, OWN_S, Pass
from simulation.reference import ROWS, LayerTruth, Reference
from simulation.truth import about, count_warmup

KINDS = {
    "Conv2d": "convolution",
    "Linear": "linear",
    "LayerNorm": "normalisation",
    "GELUActivation": "activation",
    "ReLU": "activation",
    "Embedding": "embedding",
    "OPTLearnedPositionalEmbedding": "embedding",
    "Blip2Attention": "attention",
    "Blip2QFormerAttention": "attention",
    "Blip2QFormerMultiHeadAttention": "attention",
    "OPTAttention": "attention",
}
OTHER = "(other)"


@dataclass(frozen=True)
class PassTruth:
    """What is profiled, a forward pass or a decode step, by the statement and by the ledger."""

    layers: Mapping[str, LayerTruth]
    own_s: float
    """What is of no layer."""
    plain_s: float
    """Without hooks, as it happened: the median."""
    hooked_s: list[float]
    """With hooks, as it happened, without the first."""
    hook_s: float
    """What the hooks of a layer's call take: on a CPU, and not on a card, where the host waits."""

    @property
    def seconds(self) -> dict[str, float]:
        """What each layer takes with hooks, by the statement."""
        return {name: it.seconds + self.hook_s * it.calls for name, it in self.layers.items()}

    def list_figures(self) -> dict[str, Any]:
        """Return what the JSON beside the table must say of it."""
        count = ceil(len(self.hooked_s) / 2)
        median = np.median(self.hooked_s)
        kept = sorted(self.hooked_s, key=lambda value: abs(value - median))[:count]
        hooks = self.hook_s * sum(it.calls for it in self.layers.values())
        hooked_s = float(np.mean(kept)) + hooks
        share = self.own_s / (sum(self.seconds.values()) + self.own_s)
        return {
            "total_ms": about(1e3 * self.plain_s, rel=2e-3),
            "unhooked_ms": about(1e3 * self.plain_s, rel=2e-3),
            "hooked_ms": about(1e3 * hooked_s, rel=2e-3),
            "overhead_share": about(hooked_s / self.plain_s - 1.0, rel=0.0, abs=3e-3),
            "other_ms": about(1e3 * share * self.plain_s, rel=0.03),
            "iterations": len(self.hooked_s),
            "kept_iterations": count,
        }


def find_forward(profile: SimulatedProfile, reference: Reference) -> PassTruth:
    """Return the truth of the forward pass."""
    passes = [
        it for it in profile.passes if it.kind == "forward" and it.rows == ROWS and it.is_timed
    ]
    plain, hooked = _split(profile, passes)
    return PassTruth(
        reference.layers, sum(OWN_S.values()), float(np.median(plain)), hooked, _hook_s(profile)
    )


def find_step(profile: SimulatedProfile, reference: Reference) -> PassTruth:
    """Return the truth of the mean decode step."""
    generations = [it for it in profile.passes if it.kind == "generate" and it.is_timed]
    # After the warm-up a pair of lengths is thrown away.
    first = [it.seconds for it in generations if it.new_tokens == 1][1:]
    whole, hooked = _split(
        profile, [it for it in generations if it.new_tokens == NEW_TOKENS], left_out=1
    )
    steps = NEW_TOKENS - 1
    stated_s = [reference.run(tokens).seconds for tokens in (1, NEW_TOKENS)]
    # Noise lengthens prefill and steps alike.
    share = (stated_s[1] - stated_s[0]) / stated_s[1]
    return PassTruth(
        reference.count_step(NEW_TOKENS),
        OWN_S["language_model"],
        float(np.median(whole) - np.median(first)) / steps,
        [share * seconds / steps for seconds in hooked],
        _hook_s(profile),
    )


def _hook_s(profile: SimulatedProfile) -> float:
    return 0.0 if profile.machine.settings.shown else 2 * HOOK_S


def _split(
    profile: SimulatedProfile, passes: Sequence[Pass], left_out: int = 0
) -> tuple[list[float], list[float]]:
    """Return the times without hooks and those with, less the first of these."""
    iterations = profile.job.iterations
    least_s = 1.0 if profile.machine.settings.shown else 0.0
    seconds = [it.seconds for it in passes[count_warmup(passes, least_s) + left_out :]]
    before, after = ceil(iterations / 2), max(1, iterations // 2)
    end = before + iterations + 1
    assert len(seconds) == end + after, "so many passes without hooks as with, and one more"
    return [*seconds[:before], *seconds[end:]], seconds[before + 1 : end]


def list_rows(truth: PassTruth, reference: Reference, *, is_step: bool) -> dict[str, Any]:
    """Return what each row must show, by its module."""
    model = reference.model.model
    modules = dict(model.named_modules())
    seconds = truth.seconds
    total_s = sum(seconds.values()) + truth.own_s
    owned = {id(it) for name in seconds for it in modules[name].parameters(recurse=False)}
    used = model.language_model.parameters() if is_step else model.parameters()
    rows = {
        name: {
            "kind": KINDS[type(modules[name]).__name__],
            "stage": "decode" if is_step else reference.model.stage_of(name),
            "calls": each.calls,
            "share": about(seconds[name] / total_s, rel=0.01),
            "time_ms": about(1e3 * seconds[name] / total_s * truth.plain_s, rel=0.012),
            "flops": each.flops,
            "parameters": sum(it.numel() for it in modules[name].parameters(recurse=False)),
        }
        for name, each in truth.layers.items()
    }
    rows[OTHER] = {
        "kind": "other",
        "stage": "decode" if is_step else None,
        "calls": 1,
        "share": about(truth.own_s / total_s, rel=0.03),
        "time_ms": about(1e3 * truth.own_s / total_s * truth.plain_s, rel=0.03),
        "flops": 0,
        "parameters": sum(it.numel() for it in used if id(it) not in owned),
    }
    return {name: {"module": name, **row} for name, row in rows.items()}
