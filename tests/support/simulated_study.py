"""A study whose true costs and qualities are stated, measured as often as a test asks."""

import math
import random
from dataclasses import dataclass, replace
from typing import Any

from row_factory import make_difference, make_row, rounds_of
from study_factory import AXES, make_outline

from vlmeter.axes import Axes
from vlmeter.decision.build_contests import build_contests
from vlmeter.decision.candidates import Contest
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.difference_row import FromBase, list_values
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import describe_repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import DifferenceKey

DATASET = "textvqa"


@dataclass(frozen=True)
class TrueCell:
    """What a setting truly costs and how well it truly answers."""

    cell: str
    axes: dict[str, Any]
    latency_s: float
    generation_s: float
    """Per sample."""
    energy_j: float
    computation: str
    quality: float = 0.6
    disturbed: bool = False
    metered: bool = True


def make_outline_of(reference: str) -> Outline:
    """Return the outline of a study with one data set, whose base has the values of `AXES`."""
    references = {DATASET: {AXES["model"]: reference}}
    return replace(make_outline(), references=references, base=Axes(**AXES))


def measure_row(true: TrueCell, rng: random.Random, noise: float, spread: float) -> SummaryRow:
    """Return the row of a cell as one process measures it.

    Args:
        true: The cell.
        rng: Gives the noise.
        noise: Standard deviation of rounds, as a share.
        spread: The same between processes.
    """
    process = math.exp(rng.gauss(0, spread))

    def measure(value: float) -> list[float]:
        return [value * process * math.exp(rng.gauss(0, noise)) for _ in range(3)]

    generation = true.generation_s * process * math.exp(rng.gauss(0, noise / math.sqrt(3)))
    kind = "measured" if true.metered else "modelled"
    return make_row(
        **{**AXES, **true.axes},
        dataset=DATASET,
        cell=true.cell,
        **rounds_of("latency", measure(true.latency_s)),
        **rounds_of("energy", measure(true.energy_j)),
        energy_cpu_j=true.energy_j,
        energy_cpu_kind=kind,
        samples_per_s=1 / generation,
        shape_digest=true.computation,
        content_digest=true.computation,
        peak_memory_bytes=2 * 10**9,
        disturbed=true.disturbed,
        task_metric="vqa_accuracy",
        task_metric_label="VQA accuracy",
        task_higher_is_better=True,
        task_value=true.quality,
        task_low=true.quality - 0.08,
        task_high=true.quality + 0.08,
        scored_samples=108,
    )


def measure_study(
    cells: list[TrueCell], seed: int, *, noise: float = 0.01, spread: float = 0.03
) -> Contest:
    """Measure a study once; its first cell is the reference, and quality is seen to 0.05."""
    rng = random.Random(seed)
    rows = [measure_row(true, rng, noise, spread) for true in cells]
    reference = cells[0]
    differences = {}
    for true in cells[1:]:
        key = DifferenceKey(DATASET, true.cell, reference.cell)
        change = true.quality - reference.quality
        reach = 0.05 if change else 0.0
        compared = FromBase(reference.quality, Difference(change, change - reach, change + reach))
        differences[key] = make_difference(key, **list_values("task", compared))
    repeats = describe_repeats(rows)
    outline = make_outline_of(reference.cell)
    (contest,) = build_contests(rows, differences, repeats, outline)
    return contest


def make_ladder() -> list[TrueCell]:
    """Return a study as people run it: batches, sizes that change nothing, a cut text, a compiler.

    `true` bests: the base replies fastest, 16 samples a batch give the most throughput and the
    least energy, and 4 are the balance.
    """

    def make(name: str, axes: dict[str, Any], seconds: float, **more: Any) -> TrueCell:
        size = axes.get("batch_size", 1)
        return TrueCell(
            cell=name,
            axes=axes,
            latency_s=seconds,
            generation_s=2.5 * seconds / size,
            energy_j=20 * seconds / size,
            **{"computation": name, **more},
        )

    sixteen = {"batch_size": 16}
    same = {"computation": "sixteen"}
    return [
        make("base", {}, 0.010),
        make("four", {"batch_size": 4}, 0.018),
        make("eight", {"batch_size": 8}, 0.032),
        make("sixteen", sixteen, 0.050, **same),
        make("sixteen-336", {**sixteen, "image_size": 336}, 0.050, **same),
        make("sixteen-448", {**sixteen, "image_size": 448}, 0.050, **same),
        make("sixteen-100", {**sixteen, "max_input_len": 100}, 0.050, **same),
        make("sixteen-cut", {**sixteen, "max_input_len": 20}, 0.030, quality=0.3),
        make("sixteen-sdpa", {**sixteen, "optimization": "sdpa"}, 0.050),
        make("sixteen-busy", {**sixteen, "prompt": "long"}, 0.020, disturbed=True),
    ]
