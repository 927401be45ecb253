"""A process that has imported what takes long, and forks commands: Snakemake and its jobs.

A dry run of a small study spends three quarters of its time with imports, and a job of a tiny model
nearly all of it. What is left is the same: a process of its own with its exit code, under the
environment, the fakes and the folder of the run, whose modules of VLMeter are those of its tree.
Most trees are copies of this repository in which no file of the workflow was touched: for them
VLMeter's own modules are imported already, too.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from chart_server import let_a_server_draw

IMPORTED = (
    *("snakemake.cli", "snakemake.script", "snakemake.storage", "nbformat", "smart_open"),
    *("torch.utils.flop_counter", "torch.profiler", "torch._dynamo.utils", "torchao.quantization"),
    "transformers.models.blip_2.modeling_blip_2",
    "transformers.models.blip_2.processing_blip_2",
    *("transformers.models.opt.modeling_opt", "transformers.conversion_mapping"),
    "transformers.models.auto.modeling_auto",
    "transformers.video_processing_utils",
    *("codecarbon", "datasets", "fvcore.nn", "httpx2", "jinja2", "jiwer", "markdown_it"),
    *("vl_convert", "pandas", "psutil", "pyarrow.compute", "pyarrow.parquet", "pydantic"),
)
"""What Snakemake and the jobs import besides VLMeter."""
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
WORKFLOW = ("Snakefile", "workflow", "report", "src")
"""What VLMeter's own modules are and read, whatever the study, beside each other in a folder."""
OWN = (
    *("vlmeter.study.rules", "vlmeter.study.gates", "vlmeter.study.running"),
    *("vlmeter.cell.answer_shard", "vlmeter.cell.gather_shards", "vlmeter.cell.profile_layers"),
    *("vlmeter.cell.run_inference", "vlmeter.data.download_dataset"),
    *("vlmeter.data.preprocess_images", "vlmeter.decision.export_study"),
    *("vlmeter.reporting.collect_answers", "vlmeter.reporting.render_report"),
    *("vlmeter.reporting.figures.plot_forest", "vlmeter.reporting.figures.plot_layers"),
    *("vlmeter.reporting.figures.plot_requests", "vlmeter.reporting.figures.plot_section"),
    *("vlmeter.reporting.figures.plot_tradeoff", "vlmeter.results.aggregate"),
    *("vlmeter.results.check_study", "vlmeter.results.judge_gates"),
    *("vlmeter.results.score_predictions", "vlmeter.models.fetch_model"),
    "vlmeter.cell.worker.preload",
)
"""What the planner and the jobs import of VLMeter.

`vlmeter.scripting` is not among them: stand-ins change it as it is imported."""
WORKERS = tuple(f"vlmeter.cell.worker.{name}" for name in ("answers", "layers", "measure"))
"""What a cell imports in its child, and torch with it: the threads are set there, so anew."""
FAKED = ("pynvml", "codecarbon", "sitecustomize")
"""What has a stand-in in the folders of fakes or has imported one: imported anew."""
READ_AT_START = ("LANG", "LC_", "PYTHON", "HF_")
"""Beginnings of what Python and the imported libraries read once."""


def starts_alike(environment: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Say whether a process would start under one environment as under the other."""
    return _list_start_settings(environment) == _list_start_settings(other)


def _list_start_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_AT_START) and name != "PYTHONPATH"
    }


def start_server(
    environment: Mapping[str, str], imported: Sequence[str] = (*OWN, *IMPORTED)
) -> str:
    """Start a server of forks, which lives as long as this process; return its address.

    Args:
        environment: What it sees.
        imported: The modules that it imports.
    """
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    address = f"{folder.name}/server"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        # Whoever asks before everything is imported, waits.
        listening.listen()
        server = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno()), folder.name, *imported],
            env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
        )
    atexit.register(folder.cleanup)
    # The end of its input ends it, and who measures this process has measured it too.
    atexit.register(server.communicate)
    return address


def run_forked(
    address: str,
    command: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    printed: int,
    limit_s: float | None = None,
) -> int:
    """Run a command in a folder under an environment; return its exit code.

    Args:
        address: Of the server.
        command: `snakemake` with its arguments, or a script.
        folder: Where it works.
        environment: What it sees.
        printed: The file descriptor of what it prints.
        limit_s: After so long it is killed; None for never.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    request = {"command": command, "folder": folder, "environment": {**environment}}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [b"\0"], [printed])
        server.sendall(f"{json.dumps(request)}\n".encode())
        server.settimeout(limit_s)
        try:
            answer = server.makefile().readline()
        except TimeoutError:
            # Nobody waits any more: its keeper kills it.
            raise subprocess.TimeoutExpired(command, limit_s or 0.0) from None
    return int(answer) if answer else -signal.SIGKILL


def serve(listening: socket.socket, folder: str, imported: Sequence[str]) -> None:
    """Import, then fork what is asked for until the standard input ends."""
    _import_all(imported, folder)
    gc.freeze()
    running: dict[int, _Command] = {}
    while True:
        waiting = [command.connection for command in running.values()]
        ready = select.select([listening, sys.stdin, *running, *waiting], [], [])[0]
        # The end of the input ends the server, and with it what nobody waits for any more.
        gone = {*ready, *(waiting if sys.stdin in ready else ())}
        for ended, command in list(running.items()):
            if ended not in ready and command.connection in gone:
                os.kill(command.pid, signal.SIGKILL)
            if ended in ready or command.connection in gone:
                del running[ended]
                _answer(command)
                os.close(ended)
        if sys.stdin in ready:
            return
        if listening in ready:
            command = _fork(listening, list(running.values()))
            running[os.pidfd_open(command.pid)] = command


def _import_all(imported: Sequence[str], folder: str) -> None:
    """Import modules, and let those of them do what each process would do at its beginning."""
    for name in imported:
        importlib.import_module(name)
    if "vl_convert" in imported:
        let_a_server_draw(sys.modules["vl_convert"], folder)
    if "snakemake.cli" in imported:
        # It imports all plugins.
        sys.modules["snakemake.cli"].get_argument_parser()
        _list_states(REPOSITORY)
    if "transformers.conversion_mapping" in imported:
        # It compiles some hundred regular expressions, of which it keeps the results.
        sys.modules["transformers.conversion_mapping"].get_checkpoint_conversion_mapping("")


class _Command(NamedTuple):
    """A fork that runs a command."""

    pid: int
    connection: socket.socket
    """To whoever waits for its end."""


def _fork(listening: socket.socket, others: Sequence[_Command]) -> _Command:
    """Run what is asked for in a fork: of this large process, so that it takes one and no more."""
    connection, _ = listening.accept()
    _, (printed,), _, _ = socket.recv_fds(connection, 1, 1)
    with connection.makefile() as lines:
        request = lines.readline()
    pid = os.fork()
    if pid == 0:
        for inherited in (listening, connection, *(other.connection for other in others)):
            inherited.close()
        for stream in (1, 2):
            os.dup2(printed, stream)
        os.close(printed)
        _run(**json.loads(request))
    os.close(printed)
    return _Command(pid, connection)


def _answer(command: _Command) -> None:
    """Send a command's exit code, if somebody waits for it."""
    _, status = os.waitpid(command.pid, 0)
    with command.connection, suppress(OSError):
        command.connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _run(command: Sequence[str], folder: str, environment: dict[str, str]) -> None:
    """Do what Python does with the command when it starts, and end as it ends."""
    code = 1
    try:
        os.chdir(folder)
        _take_on(environment)
        sys.argv = [*command]
        if command[0] == "snakemake":
            sys.path.insert(0, folder)
            from snakemake import cli

            cli.main()
        else:
            # A job refuses to measure where torch is there before the child that measures.
            sys.meta_path.insert(0, Imported(sys.modules.pop("torch")))
            for name in WORKERS:
                sys.modules.pop(name, None)
            runpy.run_path(command[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _take_on(environment: dict[str, str]) -> None:
    """Be in an environment as if started in it, fakes and all."""
    before, after = (_list_search_path(names) for names in (os.environ, environment))
    os.environ.clear()
    os.environ.update(environment)
    if before != after:
        sys.path[:] = [*after, *(path for path in sys.path if path not in before)]
        for name in [name for name in sys.modules if name.partition(".")[0] in FAKED]:
            del sys.modules[name]
        importlib.import_module("sitecustomize")
    if "vlmeter" in sys.modules:
        _take_on_own([Path(path) for path in after if path not in before])


def _take_on_own(added: Sequence[Path]) -> None:
    """Keep the modules of VLMeter if this run would import the same ones in the same way."""
    own = [name for name in sys.modules if name.partition(".")[0] == "vlmeter"]
    if not all(map(_changes_nothing, added)):
        for name in own:
            del sys.modules[name]
        return
    # It sets what libraries read in the environment.
    importlib.reload(sys.modules["vlmeter"])
    for checkout in [place.parent for place in added if (place / "vlmeter").is_dir()]:
        for name in own:
            _move_paths(vars(sys.modules[name]), checkout)


def _move_paths(names: dict[str, object], checkout: Path) -> None:
    """Let a module's paths of this repository be those of a checkout."""
    for name, value in list(names.items()):
        if isinstance(value, Path) and value.is_relative_to(REPOSITORY):
            names[name] = checkout / value.relative_to(REPOSITORY)


def _changes_nothing(place: Path) -> bool:
    """Say whether a folder that comes onto the search path gives VLMeter's modules nothing new."""
    if (place / "vlmeter").is_dir():
        return _list_states(place.parent) == _list_states(REPOSITORY)
    return place == HERE or {file.stem for file in place.glob("*.py")} == {"sitecustomize"}


@cache
def _list_states(checkout: Path) -> dict[str, tuple[int, int]]:
    """Return time and size of each file of a checkout's workflow; a copy has the same ones."""
    files = [
        file
        for name in WORKFLOW
        for file in (checkout / name, *(checkout / name).rglob("*"))
        if not {"__pycache__", "vlmeter.egg-info"}.intersection(file.parts) and file.is_file()
    ]
    states = {str(file.relative_to(checkout)): file.stat() for file in files}
    return {name: (state.st_mtime_ns, state.st_size) for name, state in states.items()}


def _list_search_path(environment: Mapping[str, str]) -> list[str]:
    return [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]


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


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], sys.argv[3:])
