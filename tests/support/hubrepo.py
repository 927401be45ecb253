"""Repositories of the small Hub: their files, listings and cards."""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

import yaml

LARGE_BYTES = 20_000
"""Files of this size or more are LFS files: redirected, with a SHA-256 as their ETag."""


@dataclass(frozen=True)
class File:
    """A file of a repository."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def git_oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_oid

    def describe(self, path: str, expand: bool) -> dict[str, Any]:
        """Return the file's entry in a listing."""
        entry: dict[str, Any] = {"type": "file", "oid": self.git_oid, "size": len(self.data)}
        if self.lfs:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 134}
        if expand:
            date = "2026-01-01T00:00:00.000Z"
            entry["lastCommit"] = {"id": "0" * 40, "title": "Add files", "date": date}
        return {**entry, "path": path}


@dataclass
class Repo:
    """A repository with a single commit."""

    kind: str
    """`models` or `datasets`."""
    name: str
    commit: str
    files: dict[str, File]
    gated: bool = False
    private: bool = False
    branch: str = "main"

    @property
    def card(self) -> dict[str, Any]:
        """The metadata at the head of the README."""
        readme = self.files.get("README.md")
        parts = readme.data.decode().split("---\n") if readme else []
        return yaml.safe_load(parts[1]) or {} if len(parts) > 2 else {}

    def put(self, path: str, data: bytes) -> None:
        """Add or replace a file."""
        self.files[path] = File(data, lfs=len(data) >= LARGE_BYTES)

    def describe(self, blobs: bool) -> dict[str, Any]:
        """Return what the API answers about the repository."""
        siblings = []
        for path, file in sorted(self.files.items()):
            sibling: dict[str, Any] = {"rfilename": path}
            if blobs:
                sibling |= {"size": len(file.data), "blobId": file.git_oid}
                if file.lfs:
                    sibling["lfs"] = {
                        "sha256": file.sha256,
                        "size": len(file.data),
                        "pointerSize": 134,
                    }
            siblings.append(sibling)
        info = {
            "id": self.name,
            "author": self.name.split("/")[0],
            "sha": self.commit,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
            "cardData": self.card,
        }
        parameters = _count_parameters(self.files) if self.kind == "models" else {}
        if parameters:
            info["safetensors"] = {"parameters": parameters, "total": sum(parameters.values())}
        return info


def _count_parameters(files: dict[str, File]) -> dict[str, int]:
    """Count parameters by number format from the headers of safetensors, as the Hub does."""
    counts: dict[str, int] = {}
    for path, file in files.items():
        if not path.endswith(".safetensors"):
            continue
        length = int.from_bytes(file.data[:8], "little")
        for name, tensor in json.loads(file.data[8 : 8 + length]).items():
            if name != "__metadata__":
                count = math.prod(tensor["shape"])
                counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + count
    return counts
