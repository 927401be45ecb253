"""Gives chosen cells a chosen end, in the child that measures them.

Python imports this module by itself at the start of every process, so the code under test stays
as it is, digest and all. `CELL_ENDINGS` is JSON: the cell's id, and "kill", "raise", or the
folder of another cell whose figures this one is to have.
"""

import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
from pathlib import Path

ENDINGS = json.loads(os.environ.get("CELL_ENDINGS", "{}"))
MODULE = "vlmeter.cell"


class UnforeseenError(Exception):
    """A bug that nobody thought of."""


def repeated(folder):
    from vlmeter.cell import Measured
    from vlmeter.data.samples import read_table

    told = json.loads((folder / "measurement.json").read_text())
    heading = ("status", "reason", "traceback", "attempt")
    return Measured(
        predictions=read_table(folder / "predictions.parquet"),
        timings=read_table(folder / "timings.parquet"),
        blocks={key: value for key, value in told.items() if key not in heading},
    )


def with_endings(measure_cell):
    def measure(job, inputs):
        ending = ENDINGS.get(job["cell"]["id"])
        if ending is None:
            return measure_cell(job, inputs)
        if ending == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if ending == "raise":
            raise UnforeseenError("the moon is in the way")
        return repeated(Path(ending))

    return measure


class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        module.measure_cell = with_endings(module.measure_cell)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


if ENDINGS:
    sys.meta_path.insert(0, Finder())
