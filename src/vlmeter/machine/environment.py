"""The environment that torch and transformers are imported under, where they work for a cell."""

import os
import tempfile
from collections.abc import Mapping

_GPUS = "CUDA_VISIBLE_DEVICES"
_SHELL = ("_", "OLDPWD", "PWD", "SHLVL")
_READ_LATER = (_GPUS, "TMPDIR", "TMP", "TEMP", "TEMPDIR", *_SHELL)
"""What no import reads: CUDA does when it is initialised, Python when a temporary file is made, and
the shell that starts a job sets its own."""


def choose_settings(threads: int) -> dict[str, str]:
    """Return the variables that libraries read when they are imported.

    Args:
        threads: A cell's, which are part of what it measures.
    """
    return {
        # Snakemake sets these to the rule's threads.
        "GOTO_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "NUMEXPR_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "VECLIB_MAXIMUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        # Rules before this one fetched everything: a cell that asks the network is a mistake.
        "HF_HUB_OFFLINE": "1",
    }


def read_early(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that imports may read, with these settings."""
    both = {**os.environ, **settings}
    return {name: both[name] for name in both if name not in _READ_LATER}


def read_later() -> dict[str, str]:
    """Return the variables that no import reads."""
    return {name: os.environ[name] for name in _READ_LATER if name in os.environ}


def hide_gpus() -> None:
    """Let imports see no GPU: some libraries ask for one then, which initialises it."""
    os.environ[_GPUS] = ""


def set_read_later(variables: Mapping[str, str]) -> None:
    """Set the variables that no import reads to those of another process."""
    for name in _READ_LATER:
        os.environ.pop(name, None)
    os.environ.update(variables)
    # Where Python looked already.
    tempfile.tempdir = None
