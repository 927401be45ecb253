"""How both sides are run: timed, without a network, with the same number of threads."""

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

DEMO = Path(__file__).parents[2] / "demo"
BATCH_SIZE, IMAGE_SIZE, NEW_TOKENS, THREADS = 4, 224, 8, 1
ATTENTION = "sdpa"
"""On all sides: transformers takes it by default, and 4.57 for BLIP-2 whatever it is given."""
_PR_SET_CHILD_SUBREAPER = 36
WITHOUT_NETWORK = ("unshare", "--map-root-user", "--net")


@dataclass(frozen=True)
class Took:
    """What a command took, its own processes included."""

    wall_s: float
    cpu_s: float


def run(command: Sequence[str], folder: Path, log: Path) -> Took:
    """Run a command; where it fails, show what it printed and end."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(THREADS),
        # Of its own: another study on this machine would be waited for, which the peer does not.
        "VLMETER_LOCK_DIR": str(folder),
    }
    # What outlives the command's own process becomes a child of this one, and counts: VLMeter's
    # server, for instance.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [*network_free(), *command],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wall_s = time.perf_counter() - start
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text(encoding='utf-8')}")
    return Took(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def network_free() -> tuple[str, ...]:
    """What keeps a command off the network, where this machine has it.

    optimum-benchmark's codecarbon asks two services where the machine stands: waiting for their
    answers would count against it.
    """
    try:
        done = subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False)
    except OSError:
        return ()
    return () if done.returncode else WITHOUT_NETWORK
