"""The loopback Hub, repositories for each test, and a fetcher for them."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetches import Fetcher
from hubcontent import add_model, add_noise
from hubrepo import Repo
from hubserver import Hub

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server(hub_socket) -> Iterator[Hub]:
    hub = Hub(hub_socket)
    yield hub
    hub.close()


@pytest.fixture
def hub(server: Hub, monkeypatch) -> Iterator[Hub]:
    """The Hub without faults and without a record of earlier requests."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    server.reset()
    yield server
    server.reset()


@pytest.fixture
def name() -> str:
    """A repository name of this test alone, since all tests share the Hub's cache."""
    return f"maker/repo-{next(NUMBERS)}"


@pytest.fixture
def noise(hub: Hub, name: str) -> Repo:
    """A data set of 3 files with 4 row groups of 10 rows, which cannot be compressed."""
    return add_noise(hub, name)


@pytest.fixture
def model(hub: Hub, name: str) -> Repo:
    """The demo's model in the file layout of the published model."""
    return add_model(hub, name)


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path)
