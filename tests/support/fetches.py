"""Fetches in a process of its own, with another environment, and prints the results as JSON.

Arguments: a folder to write to, and for each fetch `kind@repository@commit`; where a file is to be
missing by then, `kind@repository@commit@file`.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hubrepo import Repo

from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import Columns, DatasetJob, DataSource, Sampling
from vlmeter.errors import UserError
from vlmeter.hub.retry import RetryPolicy
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.prepare_model import prepare_model
from vlmeter.storage.files import read_json
from vlmeter.storage.parquet import read_table


def fetch(
    folder: Path, kind: str, name: str, commit: str, lost: str | None = None
) -> dict[str, object]:
    """Return the manifest, or the error and whether the folder holds no result."""
    if lost is not None:
        Path(lost).unlink()
    fetcher = Fetcher(folder)
    repo = Repo(f"{kind}s", name, commit, {})
    try:
        if kind == "model":
            return fetcher.fetch_model(repo, revision=commit)
        return fetcher.fetch_dataset(repo, revision=commit)[1]
    except UserError as error:
        return {"error": str(error), "has no result": fetcher.has_no_result()}


@dataclass
class Fetcher:
    """Fetches into a folder; its retry policy records the waits instead of waiting."""

    folder: Path
    waits: list[float] = field(default_factory=list)
    timeout_s: float = 20.0
    wait: Callable[[float], object] | None = None

    @property
    def retry_policy(self) -> RetryPolicy:
        wait = self.wait or self.waits.append
        return RetryPolicy(attempts=3, timeout_s=self.timeout_s, wait=wait)

    def fetch_dataset(
        self,
        repo: Repo,
        columns: dict[str, str] | None = None,
        sample: dict[str, int] | None = None,
        task: str = "vqa",
        **source: Any,
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Fetch a data set; return its samples and its manifest."""
        job = DatasetJob(
            dataset="photos",
            task=task,
            source=DataSource(**{"hub": repo.name, "split": "test", **source}),
            columns=Columns(**(columns or {"id": "key", "image": "image", "references": "key"})),
            sample=Sampling(**(sample or {"n": 12, "seed": 0})),
        )
        download_dataset(job, self.samples, self.manifest, self.retry_policy)
        return read_table(self.samples), read_json(self.manifest)

    @property
    def samples(self) -> Path:
        return self.folder / "data/photos/samples.parquet"

    @property
    def manifest(self) -> Path:
        return self.folder / "data/photos/samples.json"

    def fetch_model(self, repo: Repo, dtype: str = "fp32", **source: Any) -> dict[str, Any]:
        """Fetch a model; return its manifest."""
        job = ModelJob("tiny", dtype, ModelSource(hub=repo.name, **source), "pretrained")
        manifest = self.folder / f"models/tiny-{dtype}.json"
        prepare_model(job, manifest, self.retry_policy)
        return read_json(manifest)

    def has_no_result(self) -> bool:
        """Say whether the folder holds no file that looks like a result."""
        names = {path.name for path in self.folder.rglob("*") if path.is_file()}
        return names <= {"revision.json", "tiny-fp32.revision.json"}


if __name__ == "__main__":
    folder, *fetches = sys.argv[1:]
    results = [
        fetch(Path(folder) / str(number), *argument.split("@"))
        for number, argument in enumerate(fetches)
    ]
    print("\n" + json.dumps(results))
