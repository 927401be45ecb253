"""What the small Hub answers at each address, and what its storage does."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote

from hubrepo import Repo
from hubtransport import Handler


class StorageHandler(Handler):
    host = "storage"

    def answer(self, parts: list[str]) -> None:
        kind, owner, name, _, *rest = parts
        file_path = "/".join(rest)
        repo = self.server.hub.repos[kind, f"{owner}/{name}"]
        self.request_record = replace(self.request_record, file=(repo.name, file_path))
        self.send_file(repo.files[file_path], {})


class HubHandler(Handler):
    host = "hub"

    def answer(self, parts: list[str]) -> None:
        if parts[:2] == ["api", "resolve-cache"]:
            kind, owner, name, _, *rest = parts[2:]
            repo = self._find_readable(kind, f"{owner}/{name}")
            if repo is not None:
                self._send_cached(repo, "/".join(rest))
        elif parts[0] == "api" and len(parts) >= 4 and parts[1] in ("models", "datasets"):
            repo = self._find_readable(parts[1], "/".join(parts[2:4]))
            if repo is not None:
                self._answer_api(repo, parts[4:])
        else:
            kind = "datasets" if parts[0] == "datasets" else "models"
            owner, name, verb, *rest = parts[1:] if kind == "datasets" else [*parts, *"???"]
            if verb != "resolve":
                self.refuse(404, f"nothing is at {self.path}")
                return
            repo = self._find_readable(kind, f"{owner}/{name}")
            if repo is not None and self._has_revision(repo, rest[0]):
                self._redirect(repo, "/".join(part for part in rest[1:] if part != "?"))

    def _find_readable(self, kind: str, name: str) -> Repo | None:
        """Return the repository if it exists and may be read; else answer with the reason."""
        hub, token = self.server.hub, self.request_record.token
        repo = hub.repos.get((kind, name))
        if token is not None and hub.tokens and token not in hub.tokens:
            self.refuse(401, "Invalid credentials in Authorization header")
        elif repo is None or (repo.private and token not in hub.tokens):
            status = 404 if token else 401
            self.refuse(status, "Repository not found", code="RepoNotFound")
        elif (
            repo.gated
            and token not in hub.accepted
            and "api" not in self.request_record.path.split("/")[1]
        ):
            status = 403 if token else 401
            self.refuse(status, f"Access to {name} is restricted", code="GatedRepo")
        else:
            return repo
        return None

    def _has_revision(self, repo: Repo, revision: str) -> bool:
        """Say whether the repository has a revision; if not, answer with an error."""
        if revision in (repo.branch, repo.commit):
            return True
        self.refuse(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
        return False

    def _answer_api(self, repo: Repo, rest: list[str]) -> None:
        verbs: dict[str, Callable[[Repo, str], None]] = {
            "tree": self._list_tree,
            "paths-info": self._describe_paths,
        }
        if not rest or rest[0] == "revision":
            if self._has_revision(repo, rest[1] if rest else "main"):
                self._send_json(repo.describe("blobs" in self.query))
        elif rest[0] == "refs":
            refs = [{"name": "main", "ref": "refs/heads/main", "targetCommit": repo.commit}]
            self._send_json({"branches": refs, "tags": [], "converts": []})
        elif rest[0] in verbs:
            if self._has_revision(repo, rest[1]):
                verbs[rest[0]](repo, "/".join(rest[2:]))
        else:
            self.refuse(404, f"no API at {rest[0]}")

    def _list_tree(self, repo: Repo, folder: str) -> None:
        recursive = self.query.get("recursive", ["false"])[0].lower() == "true"
        expand = self.query.get("expand", ["false"])[0].lower() == "true"
        entries = list(_list_entries(repo, folder, recursive=recursive, expand=expand))
        if not entries and folder:
            self.refuse(404, f"{folder} does not exist", code="EntryNotFound")
            return
        first = int(self.query.get("cursor", ["0"])[0])
        last = first + self.server.hub.page_size
        headers = {}
        if last < len(entries):
            next_url = f"{self.server.hub.url}{quote(self.request_record.path)}?cursor={last}"
            next_url += f"&recursive={recursive}&expand={expand}"
            headers["Link"] = f'<{next_url}>; rel="next"'
        self._send_json(entries[first:last], headers)

    def _describe_paths(self, repo: Repo, _: str) -> None:
        form = parse_qs(self.body.decode())
        if self.headers.get("Content-Type", "").startswith("application/json"):
            form = json.loads(self.body)
        expand = str(form.get("expand", ["false"])).lower().find("true") >= 0
        all_entries = {entry["path"]: entry for entry in _list_entries(repo, "", True, expand)}
        self._send_json([all_entries[path] for path in form["paths"] if path in all_entries])

    def _redirect(self, repo: Repo, path: str) -> None:
        """Redirect a large file to the storage and a small file to the Hub's own cache."""
        self.request_record = replace(self.request_record, file=(repo.name, path))
        file = repo.files.get(path)
        if file is None:
            headers = {"X_Repo_Commit": repo.commit}
            self.refuse(404, f"{path} does not exist", code="EntryNotFound", **headers)
            return
        location = f"/{repo.kind}/{repo.name}/{repo.commit}/{quote(path)}"
        headers = {
            "X-Repo-Commit": repo.commit,
            "X-Linked-Etag": f'"{file.etag}"',
            "X-Linked-Size": str(len(file.data)),
        }
        if file.lfs:
            headers["Location"] = f"{self.server.hub.storage_url}{location}?Signature=abc"
            self.send(302, b"", headers, "text/plain")
        else:
            headers["Location"] = f"/api/resolve-cache{location}"
            self.send(307, b"", headers, "text/plain")

    def _send_cached(self, repo: Repo, path: str) -> None:
        self.request_record = replace(self.request_record, file=(repo.name, path))
        self.send_file(repo.files[path], {"X-Repo-Commit": repo.commit})

    def _send_json(self, value: object, headers: dict[str, str] | None = None) -> None:
        self.send(200, json.dumps(value).encode(), headers or {}, "application/json")


def _list_entries(
    repo: Repo, folder: str, recursive: bool, expand: bool
) -> Iterator[dict[str, Any]]:
    """Yield the entries of the files and folders below a folder."""
    prefix = f"{folder}/" if folder else ""
    seen = set()
    for path, file in sorted(repo.files.items()):
        if not path.startswith(prefix):
            continue
        inner = path.removeprefix(prefix).split("/")
        for depth in range(1, len(inner)) if recursive else range(1, min(len(inner), 2)):
            below = prefix + "/".join(inner[:depth])
            if below not in seen:
                seen.add(below)
                yield {"type": "directory", "oid": "0" * 40, "size": 0, "path": below}
        if recursive or len(inner) == 1:
            yield file.describe(path, expand)
