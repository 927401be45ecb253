"""Lets Snakemake fork the scripts of its jobs from a server that has imported what they import."""

import os
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

from fork_server import run_forked, start_server
from snakemake.script import PythonScript

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def install() -> None:
    """Make Snakemake fork its jobs from now on, from the server of all runs or one of its own."""
    server = os.environ["FORKED_JOBS"] or start_server(os.environ)
    PythonScript.execute_script = partialmethod(_fork, server)


def _fork(script: PythonScript, server: str, fname: str, edit: bool = False) -> None:
    # As Snakemake sets them for what it starts.
    environment = {**os.environ, **dict.fromkeys(THREADS, str(script.threads))}
    code = run_forked(server, [fname], str(Path.cwd()), environment, printed=2)
    if code:
        raise subprocess.CalledProcessError(code, [sys.executable, fname])
