"""What a layer profile must say, from the simulation alone: a value for each column of each row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from simulation.cells import NEW_TOKENS, SimulatedProfile
from simulation.expected import about
from simulation.ledger import Pass
from simulation.model import HOOK_S, OWN_S
from simulation.reference import ROWS, LayerTruth, Reference
from simulation.windows import count_warmup

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
    stage_of: Callable[[str], str | None]
    own_s: Mapping[str | None, float]
    """What is of no layer, by stage, in the order in which they come to work."""
    plain_s: float
    """Without hooks, as it happened: the median."""
    hooked_s: list[float]
    """With hooks, as it happened, without the first."""
    staged_s: list[float]
    """With marks at the stages' boundaries alone, as it happened, without the first."""
    hook_s: float
    """What the hooks of a layer's call take: on a CPU, and not on a card, where the host waits."""

    @property
    def seconds(self) -> dict[str, float]:
        """What each layer takes with hooks, by the statement."""
        return {name: it.seconds + self.hook_s * it.calls for name, it in self.layers.items()}

    @property
    def hooked_stages_s(self) -> dict[str | None, float]:
        """What each stage takes with hooks, by the statement."""
        return self._add_up(self.seconds)

    @property
    def stages_s(self) -> dict[str | None, float]:
        """What each stage takes without hooks, as it happened: all are longer alike."""
        stated = self._add_up({name: it.seconds for name, it in self.layers.items()})
        whole_s = sum(stated.values())
        return {stage: self.plain_s * own_s / whole_s for stage, own_s in stated.items()}

    def _add_up(self, seconds: Mapping[str, float]) -> dict[str | None, float]:
        sums = dict(self.own_s)
        for name, own_s in seconds.items():
            sums[self.stage_of(name)] += own_s
        return sums

    def scale(self, hooked_s: float, stage: str | None) -> float:
        """Return what takes so long with hooks, without them, as it happened."""
        return hooked_s / self.hooked_stages_s[stage] * self.stages_s[stage]

    def list_figures(self) -> dict[str, Any]:
        """Return what the JSON beside the table must say of it."""
        hooks = self.hook_s * sum(it.calls for it in self.layers.values())
        hooked_s = _average_central_half(self.hooked_s) + hooks
        stated = self.hooked_stages_s
        other_s = sum(self.scale(own_s, stage) for stage, own_s in self.own_s.items())
        near = {"rel": 2e-3}
        staged_ms = 1e3 * _average_central_half(self.staged_s) if self.staged_s else None
        return {
            "total_ms": about(1e3 * self.plain_s, **near),
            "unhooked_ms": about(1e3 * self.plain_s, **near),
            "hooked_ms": about(1e3 * hooked_s, **near),
            "overhead_share": about(hooked_s / self.plain_s - 1.0, rel=0.0, abs=3e-3),
            "staged_ms": None if staged_ms is None else about(staged_ms, **near),
            "other_ms": about(1e3 * other_s, rel=0.03),
            "stages": [
                {
                    "stage": stage or "",
                    "time_ms": about(1e3 * own_s, rel=0.01),
                    "hooked_ms": about(
                        1e3 * hooked_s * stated[stage] / sum(stated.values()), rel=0.01
                    ),
                }
                for stage, own_s in self.stages_s.items()
            ],
            "stages_reason": None,
            "iterations": len(self.hooked_s),
            "kept_iterations": ceil(len(self.hooked_s) / 2),
        }


def _average_central_half(seconds: Sequence[float]) -> float:
    median = np.median(seconds)
    nearest = sorted(seconds, key=lambda value: abs(value - median))
    return float(np.mean(nearest[: ceil(len(seconds) / 2)]))


def find_forward(profile: SimulatedProfile, reference: Reference) -> PassTruth:
    """Return the truth of the forward pass."""
    # In the first of them the modules are looked for that begin a stage.
    passes = [
        it for it in profile.passes if it.kind == "forward" and it.rows == ROWS and it.is_timed
    ][1:]
    plain, marked = _split(profile, passes, kinds=2)
    return PassTruth(
        reference.layers,
        reference.model.stage_of,
        {None: OWN_S[""], "vision": 0.0, "qformer": 0.0, "prefill": OWN_S["language_model"]},
        float(np.median(plain)),
        hooked_s=marked[1],
        staged_s=marked[0],
        hook_s=_hook_s(profile),
    )


def find_step(profile: SimulatedProfile, reference: Reference) -> PassTruth:
    """Return the truth of the mean decode step."""
    generations = [it for it in profile.passes if it.kind == "generate" and it.is_timed]
    # After the warm-up a pair of lengths is thrown away.
    first = [it.seconds for it in generations if it.new_tokens == 1][1:]
    whole, (hooked,) = _split(
        profile, [it for it in generations if it.new_tokens == NEW_TOKENS], left_out=1
    )
    steps = NEW_TOKENS - 1
    stated_s = [reference.run(tokens).seconds for tokens in (1, NEW_TOKENS)]
    # Noise lengthens prefill and steps alike.
    share = (stated_s[1] - stated_s[0]) / stated_s[1]
    return PassTruth(
        reference.count_step(NEW_TOKENS),
        lambda _: "decode",
        {"decode": OWN_S["language_model"]},
        float(np.median(whole) - np.median(first)) / steps,
        hooked_s=[share * seconds / steps for seconds in hooked],
        staged_s=[],
        hook_s=_hook_s(profile),
    )


def _hook_s(profile: SimulatedProfile) -> float:
    return 0.0 if profile.machine.settings.shown else 2 * HOOK_S


def _split(
    profile: SimulatedProfile, passes: Sequence[Pass], left_out: int = 0, kinds: int = 1
) -> tuple[list[float], list[list[float]]]:
    """Return the times without marks, and those of each kind with marks, less its first."""
    iterations = profile.job.iterations
    least_s = 1.0 if profile.machine.settings.shown else 0.0
    seconds = [it.seconds for it in passes[count_warmup(passes, least_s) + left_out :]]
    before, after = ceil(iterations / 2), max(1, iterations // 2)
    end = before + kinds * (iterations + 1)
    assert len(seconds) == end + after, "of each kind as many passes as without, and one more"
    firsts = range(before, end, iterations + 1)
    marked = [seconds[first + 1 : first + 1 + iterations] for first in firsts]
    return [*seconds[:before], *seconds[end:]], marked


def list_rows(
    truth: PassTruth, reference: Reference, *, is_step: bool
) -> dict[tuple[str, str | None], Any]:
    """Return what each row must show, by its module and stage."""
    model = reference.model.model
    modules = dict(model.named_modules())
    seconds = truth.seconds
    owned = {id(it) for name in seconds for it in modules[name].parameters(recurse=False)}
    used = model.language_model if is_step else model
    rows: dict[tuple[str, str | None], Any] = {}
    for name, each in truth.layers.items():
        stage = truth.stage_of(name)
        own_s = truth.scale(seconds[name], stage)
        rows[name, stage] = {
            "kind": KINDS[type(modules[name]).__name__],
            "calls": each.calls,
            "share": about(own_s / truth.plain_s, rel=0.01),
            "time_ms": about(1e3 * own_s, rel=0.012),
            "flops": each.flops,
            "parameters": sum(it.numel() for it in modules[name].parameters(recurse=False)),
        }
    for stage, stated_s in truth.own_s.items():
        own_s = truth.scale(stated_s, stage)
        rows[OTHER, stage] = {
            "kind": "other",
            "calls": 1,
            "share": about(own_s / truth.plain_s, rel=0.03, abs=1e-5),
            "time_ms": about(1e3 * own_s, rel=0.03, abs=1e-3),
            "flops": 0,
            "parameters": sum(
                it.numel()
                for name, it in used.named_parameters()
                if id(it) not in owned and truth.stage_of(name) == stage
            ),
        }
    return {
        (name, stage): {"module": name, "stage": stage, **row}
        for (name, stage), row in rows.items()
    }
