"""Runs Snakemake commands in forks of a process that has imported Snakemake.

To import it takes three quarters of a dry run of a small study. What is left is the same: the
command's own folder, environment, modules of the tree, and exit code.
"""

import atexit
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

PLUGINS = Path(__file__).parents[1] / "workflow/plugins"


def runs_alike(environment: Mapping[str, str]) -> bool:
    """Say whether Python would start under an environment as it started under this one."""
    return _list_start_settings(environment) == _list_start_settings(os.environ)


def _list_start_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("LANG", "LC_", "PYTHON")) and name != "PYTHONPATH"
    }


def run_snakemake(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run a command in a folder under an environment; return its exit code.

    What it prints is in the file `.printed` of the folder.
    """
    server = _start_server()
    assert server.stdin is not None
    assert server.stdout is not None
    request = {"arguments": [*arguments], "folder": str(folder), "environment": {**environment}}
    server.stdin.write(f"{json.dumps(request)}\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@cache
def _start_server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    # As for `python -m snakemake`, this file's folder is none to import from.
    sys.path[0] = str(PLUGINS)
    from snakemake import cli

    cli.get_argument_parser()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(**json.loads(line), main=cli.main)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(arguments: list[str], folder: str, environment: dict[str, str], main: Any) -> None:
    """Do in a fork what `python -m snakemake` does, and end it."""
    code = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:0] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]
        sys.argv = ["snakemake", *arguments]
        printed = os.open(".printed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(printed, stream)
        main()
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


if __name__ == "__main__":
    _serve()
