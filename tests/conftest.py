"""What all tests share: no one asks the real Hub, and nothing is kept in the user's cache of it."""

import gc
import os
import shutil
import socket
import tempfile
from contextlib import suppress

import pytest

_MEMORY, _ROOM_BYTES = "/dev/shm", 4 << 30


def _work_in_memory() -> None:
    """Let tests write where a small file takes a fifth of the time, unless the user says where."""
    with suppress(OSError):
        if "TMPDIR" not in os.environ and shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES:
            os.environ["TMPDIR"] = _MEMORY
            tempfile.tempdir = None


_work_in_memory()
# Whatever asks the Hub asks this address, where the Hub's tests have a server and others nothing.
_LISTENING = socket.socket()
_LISTENING.bind(("127.0.0.1", 0))
_CACHE = tempfile.TemporaryDirectory(prefix="hub-cache-")
# Both are read once, when `huggingface_hub` is first imported.
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{_LISTENING.getsockname()[1]}"
os.environ["HF_HOME"] = _CACHE.name
os.environ.pop("HF_TOKEN", None)

import vlmeter  # noqa: E402, F401 - it switches off what the libraries would ask unasked


def pytest_collection_finish() -> None:
    """Let no collection of garbage visit what is imported by now, which takes 0.3 s each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def hub_socket() -> socket.socket:
    """The address of `HF_ENDPOINT`, to listen at."""
    return _LISTENING
