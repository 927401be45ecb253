"""What all tests share: no one asks the real Hub, and nothing is kept in the user's cache of it."""

import gc
import os
import socket
import tempfile

import pytest

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
