"""The loopback Hub, repositories for each test, and a fetcher for them."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hubcontent import add_model, add_noise
from hubserver import Hub, Repo

from vlmeter.data.download import download_dataset
from vlmeter.data.tables import read_table
from vlmeter.files import read_json
from vlmeter.hub.patience import Patience
from vlmeter.models.fetch import fetch_model

NUMBERS = itertools.count()
NO_COLUMNS = dict.fromkeys(
    ("id", "image", "question", "context", "choices", "answer_index", "references")
)


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


@dataclass
class Fetcher:
    """Fetches into a folder; its retry policy records the waits instead of waiting."""

    folder: Path
    waits: list[float] = field(default_factory=list)
    timeout_s: float = 20.0
    wait: Callable[[float], object] | None = None

    @property
    def patience(self) -> Patience:
        wait = self.wait or self.waits.append
        return Patience(attempts=3, timeout_s=self.timeout_s, wait=wait)

    def fetch_dataset(
        self,
        repo: Repo,
        columns: dict[str, str] | None = None,
        sample: dict[str, int] | None = None,
        task: str = "vqa",
        **source: Any,
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Fetch a data set; return its samples and its manifest."""
        params = {
            "dataset": "photos",
            "task": task,
            "source": {"hub": repo.name, "split": "test", **source},
            "columns": NO_COLUMNS
            | (columns or {"id": "key", "image": "image", "references": "key"}),
            "sample": sample or {"n": 12, "seed": 0},
        }
        download_dataset(params, str(self.samples), str(self.manifest), self.patience)
        return read_table(self.samples), read_json(self.manifest)

    @property
    def samples(self) -> Path:
        return self.folder / "data/photos/samples.parquet"

    @property
    def manifest(self) -> Path:
        return self.folder / "data/photos/samples.json"

    def fetch_model(self, repo: Repo, dtype: str = "fp32", **source: Any) -> dict[str, Any]:
        """Fetch a model; return its manifest."""
        params = {
            "model": "tiny",
            "dtype": dtype,
            "weights": "pretrained",
            "source": {"hub": repo.name, "revision": None, "path": None, "allow": [], **source},
        }
        manifest = self.folder / f"models/tiny-{dtype}.json"
        fetch_model(params, str(manifest), self.patience)
        return read_json(manifest)

    def has_no_result(self) -> bool:
        """Say whether the folder holds no file that looks like a result."""
        names = {path.name for path in self.folder.rglob("*") if path.is_file()}
        return names <= {"revision.json", "tiny-fp32.revision.json"}


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path)
