"""VLMeter beside optimum-benchmark on the same weights and shapes: one cell, and a sweep.

Wall time from the start of each tool's process to its results on disk, and the latencies that both
report, beside those of a plain loop in the environment of each. README.md here says what is the
same and what is not.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from commands import NEW_TOKENS, Took
from ours import Workflow
from theirs import Peer, plain_loop

CELL_LIMIT, SWEEP_LIMIT = 1 / 3, 1 / 2
"""Wall times as a share of the peer's, at most: of a cell alone, where the peer watches memory as
VLMeter does, and of a sweep, in which VLMeter imports once, where it does not."""
SWEEP = (1, 2, 4, 8)
"""Batch sizes, each a cell of one study and a job of one command of the peer."""
HEADING = "| median of the runs | VLMeter | optimum-benchmark | ratio |\n|---|---|---|---|"


def row(what: str, unit: str, *figures: float | None) -> str:
    """A line of a Markdown table: VLMeter's figure, the peer's, their ratio, the plain loops'."""
    ours, theirs, *plain = figures
    ratio = f"{ours / theirs:.2f}" if ours and theirs else "–"
    shown = ["–" if value is None else f"{value:.3g} {unit}" for value in (ours, theirs, *plain)]
    return f"| {' | '.join([what, *shown[:2], ratio, *shown[2:]])} |"


Latencies = dict[str, float | None]
"""In seconds: of a forward pass, the first token, each further one, and all."""


def of_ours(measurement: Mapping[str, Any]) -> Latencies:
    """The medians of VLMeter's measurement."""
    generation = measurement["generation"]
    return {
        "forward pass": measurement["latency_detail"]["latency_s"],
        "first token": generation["time_to_first_token_s"],
        "each further token": generation["time_per_output_token_s"],
        f"all {NEW_TOKENS} tokens": generation["generation_s"],
    }


def of_theirs(report: Mapping[str, Any]) -> Latencies:
    """The medians of the peer's report; it times no forward pass where a model generates."""
    first, decode, whole = (
        report[name]["latency"]["p50"] for name in ("prefill", "decode", "generate")
    )
    # Its own per_token counts the time between generations too.
    return dict(zip(of_plain({}), (None, first, decode / (NEW_TOKENS - 1), whole), strict=True))


def of_plain(medians: Mapping[str, float]) -> Latencies:
    """The medians of the plain loop."""
    forward, first, whole = (medians.get(name, 0.0) for name in ("forward", "first", "all"))
    return {
        "forward pass": forward,
        "first token": first,
        "each further token": (whole - first) / (NEW_TOKENS - 1),
        f"all {NEW_TOKENS} tokens": whole,
    }


def least(turns: Sequence[Latencies], what: str) -> float | None:
    """The least of the turns' medians in milliseconds: the turn that was disturbed least."""
    return min(
        (median_s * 1e3 for turn in turns if (median_s := turn[what]) is not None), default=None
    )


def compare_cell(folder: Path, programs: Path, iterations: int, turns: int) -> bool:
    """Let both measure one cell in turn and print the tables; return whether the limit is kept."""
    workflow = Workflow(folder / "vlmeter", iterations)
    shapes = workflow.read_measurement()["input"]
    peers = make_peers(folder, programs, iterations, shapes, (), ("energy",), ("memory", "energy"))
    ours: list[tuple[Took, float]] = []
    theirs: dict[str, list[Took]] = {name: [] for name in peers}
    times: dict[str, list[Latencies]] = {"ours": [], "theirs": [], "plain": [], "plain there": []}
    for _ in range(turns):
        ours.append(workflow.measure())
        times["ours"].append(of_ours(workflow.read_measurement()))
        # The two environments have different versions of transformers.
        for side, place in (("plain", Path(sys.executable).parent), ("plain there", programs)):
            times[side].append(of_plain(plain_loop(folder, place, iterations, shapes)))
        for name, peer in peers.items():
            theirs[name].append(peer.measure())
        times["theirs"].append(of_theirs(peer.read_report()))
    print(
        f"Batch {shapes['batch_samples']}, {shapes['sequence_length']} positions, {NEW_TOKENS} new"
        f" tokens, {iterations} iterations; {turns} runs of each, in turn.\n\n{HEADING}"
    )
    ratios = print_wall_times("one cell", [took for took, _ in ours], theirs)
    runs = theirs["latency and memory and energy"]
    job_s = statistics.median(seconds for _, seconds in ours)
    their_s = statistics.median(took.wall_s for took in runs)
    print(row("– the cell's job, without Snakemake's start", "s", job_s, their_s))
    cpu_s = statistics.median(took.cpu_s for took, _ in ours)
    print(row("– processor time", "s", cpu_s, statistics.median(took.cpu_s for took in runs)))
    print(
        "\n| least of the runs' medians | VLMeter | optimum-benchmark | ratio |"
        " plain loop beside VLMeter | beside the peer |\n|---|---|---|---|---|---|"
    )
    for what in of_plain({}):
        print(row(what, "ms", *(least(turn, what) for turn in times.values())))
    return is_kept("a cell", ratios["latency and memory and energy"], CELL_LIMIT)


def compare_sweep(folder: Path, programs: Path, iterations: int, turns: int) -> bool:
    """Let both measure several batch sizes by one command; return whether the limit is kept."""
    workflow = Workflow(folder / "vlmeter-sweep", iterations, SWEEP)
    shapes = workflow.read_measurement()["input"]
    peers = make_peers(
        folder / "sweep", programs, iterations, shapes, (), ("energy",), batch_sizes=SWEEP
    )
    ours: list[Took] = []
    theirs: dict[str, list[Took]] = {name: [] for name in peers}
    for _ in range(turns):
        ours.append(workflow.measure()[0])
        for name, peer in peers.items():
            theirs[name].append(peer.measure())
    print(f"\n{HEADING}")
    ratios = print_wall_times(f"batch sizes {', '.join(map(str, SWEEP))}", ours, theirs)
    return is_kept("a sweep", ratios["latency and energy"], SWEEP_LIMIT)


def make_peers(
    folder: Path,
    programs: Path,
    iterations: int,
    shapes: Mapping[str, Any],
    *tracked: tuple[str, ...],
    batch_sizes: Sequence[int] = (),
) -> dict[str, Peer]:
    """The peer with each choice of what it tracks beside latency, by what it measures then."""
    folder.mkdir(exist_ok=True)
    return {
        " and ".join(("latency", *names)): Peer(
            folder / "-".join(("peer", *names)),
            programs,
            iterations,
            shapes,
            *names,
            batch_sizes=batch_sizes,
        )
        for names in tracked
    }


def print_wall_times(
    what: str, ours: Sequence[Took], theirs: Mapping[str, Sequence[Took]]
) -> dict[str, float]:
    """Print medians; return VLMeter's as a share of the peer's, by what the peer measures."""
    wall_s = statistics.median(took.wall_s for took in ours)
    ratios = {}
    for name, runs in theirs.items():
        their_s = statistics.median(took.wall_s for took in runs)
        ratios[name] = wall_s / their_s
        print(row(f"wall time of {what}, the peer's for {name}", "s", wall_s, their_s))
    return ratios


def is_kept(what: str, ratio: float, limit: float) -> bool:
    """Say whether a ratio keeps its limit, in words too where it does not."""
    if ratio > limit:
        print(f"FAILED: {what} takes {ratio:.2f} of the peer's wall time, more than {limit:.2f}")
    return ratio <= limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=Path, help="folder of the peer's programs")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3, help="runs of each, in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, programs = Path(name), options.programs.absolute()
        kept = [
            part(folder, programs, options.iterations, options.turns)
            for part in (compare_cell, compare_sweep)
        ]
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
