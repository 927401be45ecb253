"""A cell's child as a fork of a process that has imported torch: the most of a small cell's time.

A run on one machine starts one such server. It imports when the first cell asks for a child, so
beside no other measurement, initialises no device, and forks a keeper for each cell. The keeper
stands in for the cell's job: it forks the child, and kills it when the job ends or wants it to.
Where anything speaks against it, the child is forked from the job, as without a server.
"""

import atexit
import importlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

from vlmeter.machine import forking, isolation

ADDRESS = "VLMETER_WARM"
"""The variable that names the socket of a run's server to its jobs; with `off` there is none."""
WAIT_FOR_FORK_S: ContextVar[float | None] = ContextVar("WAIT_FOR_FORK_S", default=None)
"""In the server's forks: how long their jobs waited for them."""
_ACCEPTED, _MOST_BYTES = b"accepted", 1 << 20
_LONGEST_IMPORT_S, _LONGEST_END_S = 300.0, 30.0
_READ_LATER = frozenset({"CUDA_VISIBLE_DEVICES", ADDRESS})
"""Variables that no import reads: CUDA reads the first when it is initialised."""


def start_server(*, on_cluster: bool) -> None:
    """Start this run's server, which lives as long as this process, and name it to the jobs.

    Args:
        on_cluster: Jobs run on other machines: then there is none.
    """
    if on_cluster or not hasattr(os, "pidfd_open") or os.environ.get(ADDRESS) == "off":
        return
    # Others may not enter the folder.
    folder = tempfile.TemporaryDirectory(prefix="vlmeter-warm-")
    atexit.register(folder.cleanup)
    os.environ[ADDRESS] = f"{folder.name}/server"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(os.environ[ADDRESS])
        listening.listen()
        handle = listening.fileno()
        code = f"from {__name__} import serve; serve({handle}, {os.getpid()})"
        subprocess.Popen(  # nosec B603  (this interpreter, and code of this module)
            [sys.executable, "-P", "-c", code],
            pass_fds=[handle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C ends the run, and the end of the run ends the server.
            start_new_session=True,
        )


def run_in_child(
    work: Callable[[], None], timeout_s: float, worker: str | None, settings: Mapping[str, str]
) -> isolation.Death | None:
    """Run `work` in a fork of the run's server where that can be, else of this process.

    Args:
        work: As `isolation.run_isolated` takes it; it sets `settings`, too.
        timeout_s: So, too, and what is returned.
        worker: The module that `work` imports; None where its imports must be the child's own.
        settings: The variables of the environment that it is imported under.
    """
    environment = {**os.environ, **settings}
    address = environment.get(ADDRESS, "off")
    if worker is None or address == "off":
        return isolation.run_isolated(work, timeout_s)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.settimeout(_LONGEST_IMPORT_S)
        sys.stdout.flush()
        sys.stderr.flush()
        accepted = False
        # Nothing began where the server is gone or refuses, or only this process knows the work.
        with suppress(OSError, pickle.PicklingError, AttributeError, TypeError):
            server.connect(address)
            request = (worker, environment, str(Path.cwd()), time.monotonic(), pickle.dumps(work))
            origin = forking.describe_origin(environment, _READ_LATER)
            socket.send_fds(server, [pickle.dumps((origin, request))], [1, 2])
            accepted = server.recv(_MOST_BYTES) == _ACCEPTED
        if accepted:
            return isolation.describe_end(_wait(server, timeout_s), timeout_s)
    return isolation.run_isolated(work, timeout_s)


def _wait(server: socket.socket, timeout_s: float) -> int | None:
    """Return the dead child's exit code, negative for a signal, or None when the time was up."""
    server.settimeout(timeout_s)
    with suppress(ConnectionError):
        try:
            return int(server.recv(_MOST_BYTES) or -signal.SIGKILL)
        except TimeoutError:
            server.shutdown(socket.SHUT_WR)
            # The keeper answers when the child is dead.
            server.settimeout(_LONGEST_END_S)
            server.recv(_MOST_BYTES)
            return None
    # A keeper that is killed takes the child with it and says nothing.
    return -signal.SIGKILL


def serve(handle: int, run: int) -> None:
    """Fork for the jobs that ask at a listening socket, while the process `run` lives."""
    isolation.die_with(run)
    begun_s, origin, keepers = time.time(), None, list[int]()
    listening, nowhere = socket.socket(fileno=handle), os.open(os.devnull, os.O_RDWR)
    while True:
        connection, _ = listening.accept()
        connection.settimeout(_LONGEST_END_S)
        streams: list[int] = []
        with connection, suppress(Exception):
            message, streams, _, _ = socket.recv_fds(connection, _MOST_BYTES, 2)
            # Only this user's jobs reach the socket.
            wanted, request = pickle.loads(message)  # nosec B301
            origin = origin or wanted
            if wanted == origin and not forking.has_newer_file(begun_s):
                keepers.append(_fork_keeper(connection, streams, *request))
        for target, stream in enumerate(streams, start=1):
            os.dup2(nowhere, target)
            os.close(stream)
        keepers = [pid for pid in keepers if os.waitpid(pid, os.WNOHANG)[0] == 0]


def _fork_keeper(
    connection: socket.socket,
    streams: list[int],
    worker: str,
    environment: dict[str, str],
    folder: str,
    asked_s: float,
    work: bytes,
) -> int:
    """Import what a job's child would, under its environment and into its log, and fork."""
    for target, stream in enumerate(streams, start=1):
        os.dup2(stream, target)
    if worker not in sys.modules:
        os.environ.clear()
        # Some libraries ask for a GPU when they are imported, which initialises it.
        os.environ.update({**environment, "CUDA_VISIBLE_DEVICES": ""})
        importlib.import_module(worker)
    forking.copy_page_tables_to_forks()
    server, keeper = os.getpid(), os.fork()
    if keeper == 0:
        try:
            os.environ.pop("CUDA_VISIBLE_DEVICES")
            os.environ.update({name: environment[name] for name in _READ_LATER & set(environment)})
            _keep(connection, server, folder, asked_s, work)
        finally:
            os._exit(0)
    return keeper


def _keep(connection: socket.socket, server: int, folder: str, asked_s: float, work: bytes) -> None:
    """Fork the child, wait for its end or the job's, and answer with its exit code."""
    isolation.die_with(server)
    hindrance = forking.find_hindrance(server)
    if hindrance:
        print(f"No fork of the run's server: {hindrance}", file=sys.stderr, flush=True)
        return
    os.chdir(folder)
    WAIT_FOR_FORK_S.set(time.monotonic() - asked_s)
    child = isolation.start_child(pickle.loads(work))  # nosec B301
    connection.send(_ACCEPTED)
    connection.send(str(isolation.wait_for_end(child, None, connection)).encode())
