"""A fork of the server ends as a process that was started, and with whoever asked for it."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import fork_server
import psutil
import pytest
from studytree import Tree, find_server

ENDS = {
    "pass": (0, ""),
    "raise SystemExit(3)": (3, ""),
    "raise SystemExit('no such cell')": (1, "no such cell\n"),
    "1 / 0": (1, "ZeroDivisionError: division by zero\n"),
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": (-9, ""),
}
LONGEST_WAIT_S = 60


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "src").mkdir()
    return Tree(tmp_path)


def run(tree: Tree, code: str, limit_s: float | None = None) -> tuple[int, str]:
    """Run a script in a fork; return its exit code and what it printed."""
    tree.path("script.py").write_text(code, encoding="utf-8")
    with tree.path("printed").open("w+", encoding="utf-8") as printed:
        command, folder = [str(tree.path("script.py"))], str(tree.folder)
        code_of_end = fork_server.run_forked(
            find_server(), command, folder, tree.environment("gpu"), printed.fileno(), limit_s
        )
        printed.seek(0)
        return code_of_end, printed.read()


DRAWS = """
import vl_convert
values = [{"x": 1.25, "y": "a"}, {"x": 0.1, "y": "\N{GREEK SMALL LETTER MU}"}]
encoding = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y"}}
spec = {"data": {"values": values}, "mark": "bar", "encoding": encoding}
print(vl_convert.vega_to_svg(vl_convert.vegalite_to_vega(spec, vl_version="6.4")))
try:
    vl_convert.vegalite_to_vega({"mark": "bar", "layer": 3}, vl_version="6.4")
except ValueError as error:
    print(error)
"""


def wait_for_end(process: psutil.Process) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.05)


@pytest.mark.parametrize("code", ENDS)
def test_a_command_ends_with_the_code_and_the_words_of_a_started_one(tree: Tree, code: str) -> None:
    ended, printed = run(tree, code)

    assert (ended, printed.endswith(ENDS[code][1])) == (ENDS[code][0], True)


def test_a_job_has_the_tree_s_package_the_fakes_and_the_threads_of_its_run(tree: Tree) -> None:
    package = tree.path("src/vlmeter")
    package.mkdir()
    (package / "__init__.py").write_text("PLACE = __file__\n", encoding="utf-8")
    code, printed = run(
        tree,
        "import os, sys\n"
        "assert 'torch' not in sys.modules\n"
        "os.environ['OMP_NUM_THREADS'] = '3'\n"
        "import pynvml, torch, vlmeter\n"
        "print(vlmeter.PLACE, pynvml.nvmlDeviceGetName(0), torch.get_num_threads(), sep='\\n')",
    )

    assert code == 0, printed
    assert printed.splitlines() == [str(package / "__init__.py"), "Test GPU", "3"]


def test_a_chart_is_drawn_and_refused_as_a_started_process_does(tree: Tree) -> None:
    started = subprocess.run(
        [sys.executable, "-c", DRAWS], capture_output=True, text=True, check=True
    )

    code, printed = run(tree, DRAWS)

    assert code == 0, printed
    assert "<svg" in printed.splitlines()[0]
    assert printed == started.stdout


def test_a_command_that_nobody_waits_for_any_more_is_killed(tree: Tree) -> None:
    script, note = tree.path("script.py"), tree.path("note")
    script.write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}.')\n"
        "time.sleep(600)",
        encoding="utf-8",
    )
    request = {
        "command": [str(script)],
        "folder": str(tree.folder),
        "environment": tree.environment(),
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(find_server())
        socket.send_fds(server, [b"\0"], [sys.__stderr__.fileno()])
        server.sendall(f"{json.dumps(request)}\n".encode())
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not note.exists() or not note.read_text(encoding="utf-8").endswith("."):
            assert time.monotonic() < deadline, "it did not begin"
            time.sleep(0.05)
        command = psutil.Process(int(note.read_text(encoding="utf-8")[:-1]))

    wait_for_end(command)


def test_a_command_past_its_limit_is_killed(tree: Tree) -> None:
    note = tree.path("note")
    code = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        run(tree, code, limit_s=3)

    pid = int(note.read_text(encoding="utf-8"))
    if psutil.pid_exists(pid):
        wait_for_end(psutil.Process(pid))


@pytest.mark.parametrize("imported", [[], ["vl_convert"]])
def test_a_server_does_not_outlive_who_started_it(imported: list[str]) -> None:
    start = f"fork_server.start_server(os.environ, {imported})"
    code = f"import fork_server, os; {start}; print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; input()"],
        env={**os.environ, "PYTHONPATH": str(Path(fork_server.__file__).parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        starter.stdout.readline()
        deadline = time.monotonic() + LONGEST_WAIT_S
        # With what it forked to draw charts.
        while len(servers := psutil.Process(starter.pid).children(recursive=True)) <= len(imported):
            assert time.monotonic() < deadline, "it did not begin"
            time.sleep(0.05)
        starter.kill()

    for server in servers:
        wait_for_end(server)
