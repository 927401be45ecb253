"""Runs the scripts of jobs in forks of a process that has imported what they import.

A job of a tiny model spends most of its time with imports. What is left is the same: the script as
Snakemake wrote it, in a process of its own with its exit code, under the environment, the fakes and
the folder of the run, of which each has a process to fork from.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from multiprocessing.connection import wait
from threading import Lock
from types import ModuleType

from snakemake.script import PythonScript

LOCK = Lock()
FORKS = multiprocessing.get_context("forkserver")
IMPORTED = [
    "snakemake.script",
    "vlmeter.cell.worker.measure",
    "vlmeter.cell.worker.layers",
    "vlmeter.results.score_predictions",
    "transformers.models.blip_2.modeling_blip_2",
    "datasets",
    "vl_convert",
    "fvcore.nn",
]


def install() -> None:
    """Make Snakemake fork its jobs from now on."""
    FORKS.set_forkserver_preload(IMPORTED)
    PythonScript.execute_script = _fork


def _fork(_script: PythonScript, fname: str, edit: bool = False) -> None:
    job = FORKS.Process(target=_run, args=(fname,))
    # To start a process looks after all others, which must not meet a thread that does so too.
    with LOCK:
        job.start()
    wait([job.sentinel])
    with LOCK:
        job.join()
    if job.exitcode:
        raise subprocess.CalledProcessError(job.exitcode, [sys.executable, fname])


def _run(script: str) -> None:
    sys.argv = [script]
    # A job refuses to measure where torch is there before the child that measures.
    sys.meta_path.insert(0, Imported(sys.modules.pop("torch")))
    runpy.run_path(script, run_name="__main__")


class Imported(MetaPathFinder, Loader):
    """Gives torch, which is imported already, to a job, with the threads that it sets."""

    def __init__(self, torch: ModuleType) -> None:
        self._module, self._spec = torch, torch.__spec__

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == self._module.__name__ else None

    def create_module(self, _: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
        if "OMP_NUM_THREADS" in os.environ:
            module.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
