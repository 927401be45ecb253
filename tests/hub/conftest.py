"""The loopback Hub, repositories of a test's own in it, and ways to fetch from it."""

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
def serving(hub_socket) -> Iterator[Hub]:
    hub = Hub(hub_socket)
    yield hub
    hub.close()


@pytest.fixture
def hub(serving: Hub, monkeypatch) -> Iterator[Hub]:
    """The Hub without faults, and without memory of what it was asked."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    serving.forget()
    yield serving
    serving.forget()


@pytest.fixture
def name() -> str:
    """A repository name that no other test has: the Hub's cache is shared."""
    return f"maker/repo-{next(NUMBERS)}"


@pytest.fixture
def noise(hub: Hub, name: str) -> Repo:
    """A data set whose rows cannot be compressed: 3 files of 4 row groups of 10 rows."""
    return add_noise(hub, name)


@pytest.fixture
def model(hub: Hub, name: str) -> Repo:
    """The demo's model in the layout of the real one."""
    return add_model(hub, name)


@dataclass
class Fetching:
    """Fetches into a folder, with a patience that notes its waits instead of waiting."""

    folder: Path
    waits: list[float] = field(default_factory=list)
    timeout_s: float = 20.0
    wait: Callable[[float], object] | None = None

    @property
    def patience(self) -> Patience:
        wait = self.wait or self.waits.append
        return Patience(attempts=3, timeout_s=self.timeout_s, wait=wait)

    def dataset(
        self,
        repo: Repo,
        columns: dict[str, str] | None = None,
        sample: dict[str, int] | None = None,
        task: str = "vqa",
        **source: Any,
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the samples and the manifest of a data set."""
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

    def model(self, repo: Repo, dtype: str = "fp32", **source: Any) -> dict[str, Any]:
        """Return the manifest of a stored model."""
        params = {
            "model": "tiny",
            "dtype": dtype,
            "weights": "pretrained",
            "source": {"hub": repo.name, "revision": None, "path": None, "allow": [], **source},
        }
        manifest = self.folder / f"models/tiny-{dtype}.json"
        fetch_model(params, str(manifest), self.patience)
        return read_json(manifest)

    def nothing_is_left(self) -> bool:
        """Whether there is nothing that looks like a result."""
        left = {path.name for path in self.folder.rglob("*") if path.is_file()}
        return left <= {"revision.json", "tiny-fp32.revision.json"}


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    return Fetching(tmp_path)
