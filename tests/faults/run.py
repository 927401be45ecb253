"""Lets many things go wrong in a small study, and sees that nothing is lost and nothing false.

`make faults`: prints a table of what happened, and ends with 1 where VLMeter gave way.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support"), str(HERE.parent / "workflow/plugins")]

from faults import FAULTS, NEED_MOUNTS, Fault, may_mount  # noqa: E402
from study import Study  # noqa: E402
from studytree import Tree  # noqa: E402


@dataclass
class Tally:
    """What happened under one kind of fault."""

    met: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    said: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def let_happen(study: Study, kinds: list[Fault], count: int, seed: int) -> dict[str, Tally]:
    """Let `count` faults happen, each with a seed of its own that repeats it."""
    dice = random.Random(seed)
    chosen = _fair_share(kinds, count)
    dice.shuffle(chosen)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for number, fault in enumerate(chosen):
        own = seed * 1_000_000 + number
        tally = tallies[fault.name]
        start = time.monotonic()
        try:
            tally.said[fault.happen(study, random.Random(own))] += 1
            tally.met += 1
        except Exception as error:
            tally.failed.append(f"seed {own}: {type(error).__name__}: {error}")
            print(f"{fault.name}: {tally.failed[-1]}", file=sys.stderr, flush=True)
            study.renew()
        tally.seconds += time.monotonic() - start
    return tallies


def _fair_share(kinds: list[Fault], count: int) -> list[Fault]:
    """Each kind at least once, and beyond that by its share."""
    total = sum(fault.share for fault in kinds)
    extra = max(0, count - len(kinds))
    chosen = list(kinds)
    for fault in kinds:
        chosen += [fault] * round(extra * fault.share / total)
    return chosen


def table(tallies: dict[str, Tally]) -> str:
    """The outcome as a Markdown table."""
    lines = ["| fault | times | met well | s each |", "|---|---:|---:|---:|"]
    for fault in FAULTS:
        tally = tallies.get(fault.name)
        if tally is None:
            lines.append(f"| {fault.name} | 0 | - | - |")
            continue
        times = tally.met + len(tally.failed)
        lines.append(f"| {fault.name} | {times} | {tally.met} | {tally.seconds / times:.1f} |")
    times = sum(tally.met + len(tally.failed) for tally in tallies.values())
    met = sum(tally.met for tally in tallies.values())
    seconds = sum(tally.seconds for tally in tallies.values())
    lines.append(f"| all | {times} | {met} | {seconds / max(times, 1):.1f} |")
    return "\n".join(lines)


def possible_faults() -> list[Fault]:
    """All kinds that this machine lets happen."""
    return [fault for fault in FAULTS if fault.name not in NEED_MOUNTS or may_mount()]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=250)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", help="one kind of fault, by a part of its name")
    options.add_argument("--finished", type=Path, help="a finished study to start from")
    asked = options.parse_args()
    kinds = [fault for fault in possible_faults() if (asked.only or "") in fault.name]
    left_out = [] if may_mount() else NEED_MOUNTS
    with tempfile.TemporaryDirectory(prefix="vlmeter-faults-") as folder:
        finished = Tree(asked.finished) if asked.finished else Tree.new(Path(folder) / "finished")
        if not asked.finished:
            outcome = finished.run()
            if outcome.code != 0:
                sys.exit(outcome.text)
        events = map(json.loads, finished.path(".jobs").read_text().splitlines())
        study = Study(finished, events, Path(folder) / "harmed")
        tallies = let_happen(study, kinds, asked.count, asked.seed)
    print(table(tallies))
    if left_out:
        print(f"not possible here: {', '.join(left_out)} (needs the right to mount)")
    print(f"\nseed {asked.seed}, {asked.count} faults asked for")
    for tally in tallies.values():
        for words, times in sorted(tally.said.items()):
            print(f"  {times} x {words[:160]}")
    sys.exit(any(tally.failed for tally in tallies.values()))


if __name__ == "__main__":
    main()
