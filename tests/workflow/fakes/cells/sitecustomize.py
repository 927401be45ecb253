"""Gives chosen cells a chosen end, in the child that measures them, and keeps jobs to be run again.

Python imports this module by itself at the start of every process, so the code under test stays
as it is, digest and all.

`CELL_ENDINGS` is JSON: the cell's id, alone or below its data set or `control`, or with the number
of a shard (`cell.2-of-3`), and how it ends (`ENDINGS_BY_NAME` below), or the folder of another cell
whose figures this one is to have. Before that folder may stand a file and "<": there the cell notes
when it begins and ends and on which GPUs, and it does not end before another one of the file has
begun, or all have. With "!" instead the cell notes in the file on which node of a cluster it is and
goes on for ever, the first time.
With `CELLS_ARE_QUICK` the module that measures is not even imported, and torch neither.

`CAPTURED_JOBS` names a folder in which each job leaves what it was called with, `NETWORK_LOG` a
file in which every attempt to ask a network is noted; all are refused then but those to the
addresses in `NETWORK_ALLOWED`, `host:port` with spaces between.
"""

import fcntl
import importlib.abc
import importlib.machinery
import json
import os
import pickle
import resource
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

ENDINGS = json.loads(os.environ.get("CELL_ENDINGS", "{}"))
QUICK = "CELLS_ARE_QUICK" in os.environ
CAPTURED = os.environ.get("CAPTURED_JOBS")
ALLOWED = frozenset(os.environ.get("NETWORK_ALLOWED", "").split())
MIB = 1 << 20


class UnforeseenError(Exception):
    """A bug that nobody thought of."""


def kill(_measure):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_measure):
    raise UnforeseenError("the moon is in the way")


def run_out_of_cuda_memory(_measure):
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB free.")


def hang(_measure):
    time.sleep(3600)


def run_out_of_memory(measure):
    """Give the process a little more memory than it has, in truth and not by a fake."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    allowed = pages * resource.getpagesize() + int(os.environ["SPARE_MIB"]) * MIB
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    return measure()


def think_nothing_of_numbers(measure):
    """Let every model answer NaN."""
    import torch

    def spoil(_module, _inputs, output):
        if getattr(output, "logits", None) is not None:
            output["logits"] = output["logits"] * float("nan")

    torch.nn.modules.module.register_module_forward_hook(spoil)
    return measure()


def change_the_clock(measure):
    """Let the wall clock jump by hours, back and forth, at every look."""
    true, jumps = time.time, iter(range(1 << 30))
    time.time = lambda: true() + (-1) ** next(jumps) * 7200
    return measure()


ENDINGS_BY_NAME = {
    "kill": kill,
    "raise": refuse,
    "cuda memory": run_out_of_cuda_memory,
    "host memory": run_out_of_memory,
    "hang": hang,
    "nan": think_nothing_of_numbers,
    "clock": change_the_clock,
}


def with_endings(measure_cell):
    def measure(job, inputs, machine, predictions):
        cell = job.cell
        place = "control" if job.cost_only else cell.dataset
        ending = ENDINGS.get(f"{place}/{cell.id}", ENDINGS.get(cell.id))
        if ending is None:
            return measure_cell(job, inputs, machine, predictions)
        if ending in ENDINGS_BY_NAME:
            return ENDINGS_BY_NAME[ending](lambda: measure_cell(job, inputs, machine, predictions))
        note, _, folder = ending.rpartition("!")
        if note and not Path(note).exists():
            Path(f"{note}.new").write_text(os.environ["SLURMD_NODENAME"], encoding="utf-8")
            Path(f"{note}.new").replace(note)
            time.sleep(120)
        log, _, folder = folder.rpartition("<")
        figures = repeated(Path(folder), predictions)
        if log:
            meet(Path(log))
        return figures

    return measure


def with_endings_of_shards(answer_samples):
    def answer(cell, inputs, path, *borders):
        ending = ENDINGS_BY_NAME.get(ENDINGS.get(f"{cell.id}.{path.stem}"), lambda answer: answer())
        return ending(lambda: answer_samples(cell, inputs, path, *borders))

    return answer


def repeated(folder, predictions):
    from vlmeter.cell.measurement import read_measurement
    from vlmeter.measure.latency import Timing
    from vlmeter.storage.parquet import read_table

    predictions.write_bytes((folder / "predictions.parquet").read_bytes())
    return SimpleNamespace(
        timings=[Timing(**row) for row in read_table(folder / "timings.parquet")],
        figures=read_measurement(folder / "measurement.json").figures,
    )


def meet(log):
    gpus = os.environ["CUDA_VISIBLE_DEVICES"]
    with log.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"begins {gpus}\n")
        file.flush()
        number = begun(log)
        fcntl.flock(file, fcntl.LOCK_UN)
        expected = sum(ending.startswith(f"{log}<") for ending in ENDINGS.values())
        deadline = time.monotonic() + 300
        while begun(log) < min(number + 1, expected):
            if time.monotonic() > deadline:
                raise UnforeseenError("no other cell began")
            time.sleep(0.02)
        file.write(f"ends {gpus}\n")


def begun(log):
    return log.read_text().count("begins")


def captured(name, run):
    def keep_and_run(log, *args, **kwargs):
        kept = Path(CAPTURED) / f"{log.replace('/', '+')}.pickle"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(pickle.dumps((name, (log, *args), kwargs)))
        return run(log, *args, **kwargs)

    return keep_and_run


class Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        if module.__name__ == "vlmeter.scripting":
            super().exec_module(module)
            for name in ("run_job", "run_measuring_job"):
                setattr(module, name, captured(name, getattr(module, name)))
            return
        if module.__name__ == "vlmeter.cell.worker.answers":
            super().exec_module(module)
            module.answer_samples = with_endings_of_shards(module.answer_samples)
            return
        if QUICK:
            module.measure_cell = None
        else:
            super().exec_module(module)
        module.measure_cell = with_endings(module.measure_cell)


class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, path, target=None):
        if name not in self.modules:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


ASKED_BY_NAME = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
ASKED_BY_ADDRESS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


def refuse_networks(event, arguments):
    """Note who asks a network for something that is not allowed, and let nobody."""
    if event in ASKED_BY_NAME:
        place = arguments[:2]
    elif event in ASKED_BY_ADDRESS and isinstance(arguments[1], tuple):
        place = arguments[1][:2]
    else:
        return
    if ":".join(map(str, place)) not in ALLOWED:
        with Path(os.environ["NETWORK_LOG"]).open("a", encoding="utf-8") as log:
            log.write(f"{sys.argv[:2]} {event} {arguments}\n")
        raise OSError("there is no network")


if "NETWORK_LOG" in os.environ:
    sys.addaudithook(refuse_networks)
HOOKED = {
    *(["vlmeter.cell.worker.measure", "vlmeter.cell.worker.answers"] if ENDINGS else []),
    *(["vlmeter.scripting"] if CAPTURED else []),
}
if HOOKED:
    sys.meta_path.insert(0, Finder(HOOKED))
