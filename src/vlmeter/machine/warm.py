"""A cell's child as a fork of a process that has imported torch: the most of a small cell's time.

A run on one machine starts one such server. It imports when the first job asks for a child, so
beside no measurement, initialises no device, and forks a keeper for each child. The keeper stands
in for the job: it forks the child, and kills it when the job ends or its time is up.
Where anything speaks against it, the child is forked from the job, as without a server.
"""

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

from vlmeter.machine import environment, isolation
from vlmeter.machine.imports import import_to_stay

ADDRESS = "VLMETER_WARM"
"""The variable that names the socket of a run's server to its jobs; with `off` there is none."""
WAIT_FOR_FORK_S: ContextVar[float | None] = ContextVar("WAIT_FOR_FORK_S", default=None)
"""In the server's forks: how long their jobs waited for them."""
_MOST_BYTES, _LONGEST_IMPORT_S = 1 << 20, 300.0
_Job = tuple[str, dict[str, str], float, float, bytes]
"""A job's folder and variables, when it asked for a fork, its time limit, and its pickled work."""


def start_server(worker: str, settings: Mapping[str, str], *, on_cluster: bool) -> None:
    """Start this run's server, which lives as long as this process, and name it to the jobs.

    Args:
        worker: The module that it imports when the first job asks.
        settings: Variables of its environment that are not as this process has them.
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
        program = f"from {__name__} import serve; serve({os.getpid()}, {worker!r})"
        subprocess.Popen(  # nosec B603  (this interpreter, and code of this module)
            [sys.executable, "-P", "-c", program],
            env={**os.environ, **settings},
            stdin=listening.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C ends the run, and the end of the run ends the server.
            start_new_session=True,
        )


def run_in_child(
    work: Callable[[], None],
    timeout_s: float = threading.TIMEOUT_MAX,
    settings: Mapping[str, str] | None = None,
    *,
    own_imports: bool = False,
) -> isolation.Death | None:
    """Run `work` in a fork of the run's server where that can be, else of this process.

    Args:
        work: As `isolation.run_isolated` takes it; it sets `settings`, too.
        timeout_s: So, too, and what is returned.
        settings: The variables of the environment under which all must be imported that `work`
            needs; None where any will do.
        own_imports: Whether the child must import by itself.
    """
    address = os.environ.get(ADDRESS, "off")
    if own_imports or address == "off":
        return isolation.run_isolated(work, timeout_s)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.settimeout(_LONGEST_IMPORT_S)
        accepted = b""
        # Nothing began where the server is gone or refuses, or only this process knows the work.
        with suppress(OSError, pickle.PicklingError, AttributeError, TypeError):
            server.connect(address)
            later, asked_s = environment.read_later(), time.monotonic()
            job: _Job = (str(Path.cwd()), later, asked_s, timeout_s, pickle.dumps(work))
            imported_under = None if settings is None else environment.read_early(settings)
            request = pickle.dumps((isolation.find_places(), imported_under, job))
            socket.send_fds(server, [request], [1, 2])
            accepted = server.recv(_MOST_BYTES)
        if accepted:
            server.settimeout(None)
            ending = server.recv(_MOST_BYTES)
            # A keeper that is killed takes the child with it and says nothing.
            code = pickle.loads(ending) if ending else -signal.SIGKILL  # nosec B301
            return isolation.describe_end(code, timeout_s)
    return isolation.run_isolated(work, timeout_s)


def serve(run: int, worker: str) -> None:
    """Fork for the jobs that ask at the socket that is its stdin, while the process `run` lives."""
    isolation.die_with(run)
    listening = socket.socket(fileno=sys.stdin.fileno())
    begun_s, own, keepers = time.time(), environment.read_early({}), list[int]()
    environment.hide_gpus()
    while True:
        connection, _ = listening.accept()
        streams: list[int] = []
        with connection, suppress(Exception):
            message, streams, _, _ = socket.recv_fds(connection, _MOST_BYTES, 2)
            # Only this user's jobs reach the socket.
            places, imported_under, job = pickle.loads(message)  # nosec B301
            same = (places, imported_under or own) == (isolation.find_places(), own)
            if same and not isolation.has_newer_file(begun_s):
                import_to_stay(worker)
                isolation.copy_page_tables_to_forks()
                keepers.append(_fork_keeper(connection, streams, job))
        for stream in streams:
            os.close(stream)
        keepers = [pid for pid in keepers if os.waitpid(pid, os.WNOHANG)[0] == 0]


def _fork_keeper(connection: socket.socket, streams: list[int], job: _Job) -> int:
    """Fork what forks the child, waits for its end or its job's, and answers with its exit code."""
    server, keeper = os.getpid(), os.fork()
    if keeper:
        return keeper
    try:
        isolation.die_with(server)
        for target, stream in enumerate([os.open(os.devnull, os.O_RDONLY), *streams]):
            os.dup2(stream, target)
        hindrance = isolation.find_hindrance(server)
        if hindrance:
            print(f"No fork of the run's server: {hindrance}", file=sys.stderr, flush=True)
            os._exit(0)
        folder, later, asked_s, timeout_s, work = job
        os.chdir(folder)
        environment.set_read_later(later)
        WAIT_FOR_FORK_S.set(time.monotonic() - asked_s)
        run_work = pickle.loads(work)  # nosec B301
        connection.send(b"accepted")
        child = isolation.start_child(run_work)
        connection.send(pickle.dumps(isolation.wait_for_end(child, timeout_s, connection)))
    finally:
        os._exit(0)
