"""A small Hugging Face Hub on loopback: it answers what the libraries really ask.

Two servers, as in reality: the Hub itself, and the storage that large files are redirected to,
which must never see a token. Both count what they send and fail when told to.
"""

import hashlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml

LARGE_BYTES = 20_000
"""Files from this size on are kept as LFS: redirected, their ETag a SHA-256."""


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

    def entry(self, path: str, expand: bool) -> dict[str, Any]:
        """What a listing says about the file."""
        told: dict[str, Any] = {"type": "file", "oid": self.git_oid, "size": len(self.data)}
        if self.lfs:
            told["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 134}
        if expand:
            date = "2026-01-01T00:00:00.000Z"
            told["lastCommit"] = {"id": "0" * 40, "title": "Add files", "date": date}
        return {**told, "path": path}


@dataclass
class Repo:
    """A repository at its only commit."""

    kind: str
    """models or datasets."""
    name: str
    commit: str
    files: dict[str, File]
    gated: bool = False
    private: bool = False
    branch: str = "main"

    @property
    def card(self) -> dict[str, Any]:
        """The YAML above the README."""
        readme = self.files.get("README.md")
        parts = readme.data.decode().split("---\n") if readme else []
        return yaml.safe_load(parts[1]) or {} if len(parts) > 2 else {}

    def put(self, path: str, data: bytes) -> None:
        """Add or replace a file."""
        self.files[path] = File(data, lfs=len(data) >= LARGE_BYTES)

    def info(self, blobs: bool) -> dict[str, Any]:
        """What the API says about the repository."""
        siblings = []
        for path, file in sorted(self.files.items()):
            told: dict[str, Any] = {"rfilename": path}
            if blobs:
                told |= {"size": len(file.data), "blobId": file.git_oid}
                if file.lfs:
                    told["lfs"] = {
                        "sha256": file.sha256,
                        "size": len(file.data),
                        "pointerSize": 134,
                    }
            siblings.append(told)
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
        numbers = _safetensors_numbers(self.files) if self.kind == "models" else {}
        if numbers:
            info["safetensors"] = {"parameters": numbers, "total": sum(numbers.values())}
        return info


def _safetensors_numbers(files: dict[str, File]) -> dict[str, int]:
    """Count the numbers in safetensors by their format, as the Hub does from the headers."""
    counts: dict[str, int] = {}
    for path, file in files.items():
        if not path.endswith(".safetensors"):
            continue
        length = int.from_bytes(file.data[:8], "little")
        for name, told in json.loads(file.data[8 : 8 + length]).items():
            if name != "__metadata__":
                numbers = 1
                for size in told["shape"]:
                    numbers *= size
                counts[told["dtype"]] = counts.get(told["dtype"], 0) + numbers
    return counts


@dataclass
class Fault:
    """What goes wrong with the requests for a path."""

    part: str
    """Of the path."""
    times: float = float("inf")
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    """Bytes of the body that are sent before the connection breaks."""
    stall: bool = False
    """Send the head and then nothing."""
    damage: bool = False
    """Send as many bytes, but others."""
    method: str = ""


@dataclass(frozen=True)
class Asked:
    """A request and what was sent for it."""

    host: str
    """hub or storage."""
    method: str
    path: str
    query: str
    token: str | None
    user_agent: str
    bytes_range: str | None
    file: tuple[str, str] | None
    """Repository and path, where a file was asked for."""
    status: int = 0
    sent: int = 0
    """Bytes of the body."""


class Hub:
    """The Hub: its repositories, its faults, and what it was asked."""

    def __init__(self, listening: socket.socket | None = None) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.tokens: set[str] = set()
        """Tokens that are known."""
        self.accepted: set[str] = set()
        """Tokens whose account accepted the conditions of the gated repositories."""
        self.page_size = 1000
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._hub = _server(_HubHandler, self, listening)
        self._storage = _server(_StorageHandler, self, None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._hub.server_address[1]}"

    @property
    def storage_url(self) -> str:
        return f"http://127.0.0.1:{self._storage.server_address[1]}"

    def add(self, kind: str, name: str, files: dict[str, bytes], commit: str = "c" * 40) -> Repo:
        """Add a repository."""
        repo = Repo(kind, name, commit, {})
        for path, data in files.items():
            repo.put(path, data)
        self.repos[kind, name] = repo
        return repo

    def fail(self, part: str, **what: Any) -> None:
        """Let the requests for paths that hold `part` go wrong."""
        self.faults.append(Fault(part, **what))

    def forget(self) -> None:
        """Forget the faults, the tokens and what was asked."""
        self.faults.clear()
        self.tokens.clear()
        self.accepted.clear()
        self.asked.clear()
        self.page_size = 1000

    def sent_of(self, repo: str, path: str = "") -> int:
        """Bytes sent of a repository's files, or of those whose path holds `path`."""
        return sum(
            asked.sent
            for asked in self.asked
            if asked.file is not None and asked.file[0] == repo and path in asked.file[1]
        )

    def close(self) -> None:
        """Stop serving."""
        self._closing.set()
        for server in (self._hub, self._storage):
            server.shutdown()
            server.server_close()

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.asked.append(asked)

    def fault_for(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it counts as met."""
        with self._lock:
            for fault in self.faults:
                if fault.part in path and fault.method in ("", method) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def wait_until_closing(self) -> None:
        # A client gives up long before; the thread must not outlive the server.
        self._closing.wait(30)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: Hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away: some are meant to."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _server(handler: type, hub: Hub, listening: socket.socket | None) -> _Server:
    server = _Server(("127.0.0.1", 0), handler, bind_and_activate=False)
    if listening is None:
        server.server_bind()
    else:
        server.socket.close()
        server.socket = listening
        server.server_address = listening.getsockname()
    server.server_activate()
    server.hub = hub
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    """What both servers do: answer, count, and fail as told."""

    protocol_version = "HTTP/1.1"
    host = ""
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        path = unquote(url.path)
        authorization = self.headers.get("Authorization")
        self.note = Asked(
            host=self.host,
            method=self.command,
            path=path,
            query=url.query,
            token=authorization.removeprefix("Bearer ") if authorization else None,
            user_agent=self.headers.get("User-Agent", ""),
            bytes_range=self.headers.get("Range"),
            file=None,
        )
        self.fault = self.server.hub.fault_for(self.command, path)
        if self.fault is not None and self.fault.status is not None:
            self.refuse(self.fault.status, "told to fail", **self.fault.headers)
        else:
            # Split first: a branch may have slashes in its name, which are quoted then.
            self.answer([unquote(part) for part in url.path.strip("/").split("/")])

    def answer(self, parts: list[str]) -> None:
        raise NotImplementedError

    def refuse(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """Answer with an error, as the Hub words it."""
        if code is not None:
            headers["X-Error-Code"] = code
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        data = json.dumps({"error": message}).encode()
        self.send(status, data, {"X-Error-Message": message, **headers}, "application/json")

    def send_file(self, file: File, headers: dict[str, str]) -> None:
        """Send a file or the part of it that is asked for."""
        data, status = file.data, 200
        headers = {"ETag": f'"{file.etag}"', "Accept-Ranges": "bytes", **headers}
        wanted = self.headers.get("Range")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(len(data) - int(last), 0)
            end = min(int(last), len(data) - 1) if first and last else len(data) - 1
            if start >= len(data):
                self.refuse(416, "no such range", Content_Range=f"bytes */{len(data)}")
                return
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data, status = data[start : end + 1], 206
        self.send(status, data, headers, "application/octet-stream")

    def send(self, status: int, data: bytes, headers: dict[str, str], kind: str) -> None:
        """Send an answer, with the fault that the request is to meet."""
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            data = b""
        fault = self.fault
        if fault is not None and fault.damage:
            data = bytes(255 - byte for byte in data)
        if fault is not None and fault.cut is not None:
            data, self.close_connection = data[: fault.cut], True
        if fault is not None and fault.stall:
            data, self.close_connection = b"", True
        # Before it is sent: whoever has it all may look at once.
        self.server.hub.note(replace(self.note, status=status, sent=len(data)))
        if fault is not None and fault.stall:
            self.server.hub.wait_until_closing()
            return
        try:
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class _StorageHandler(_Handler):
    host = "storage"

    def answer(self, parts: list[str]) -> None:
        kind, owner, name, _, *rest = parts
        file_path = "/".join(rest)
        repo = self.server.hub.repos[kind, f"{owner}/{name}"]
        self.note = replace(self.note, file=(repo.name, file_path))
        self.send_file(repo.files[file_path], {})


class _HubHandler(_Handler):
    host = "hub"

    def answer(self, parts: list[str]) -> None:
        if parts[:2] == ["api", "resolve-cache"]:
            kind, owner, name, _, *rest = parts[2:]
            repo = self._admitted(kind, f"{owner}/{name}")
            if repo is not None:
                self._send_kept(repo, "/".join(rest))
        elif parts[0] == "api" and len(parts) >= 4 and parts[1] in ("models", "datasets"):
            repo = self._admitted(parts[1], "/".join(parts[2:4]))
            if repo is not None:
                self._api(repo, parts[4:])
        else:
            kind = "datasets" if parts[0] == "datasets" else "models"
            owner, name, verb, *rest = parts[1:] if kind == "datasets" else [*parts, *"???"]
            if verb != "resolve":
                self.refuse(404, f"nothing is at {self.path}")
                return
            repo = self._admitted(kind, f"{owner}/{name}")
            if repo is not None and self._at_its_commit(repo, rest[0]):
                self._resolve(repo, "/".join(part for part in rest[1:] if part != "?"))

    def _admitted(self, kind: str, name: str) -> Repo | None:
        """Return the repository if it is there and may be read; else answer why not."""
        hub, token = self.server.hub, self.note.token
        repo = hub.repos.get((kind, name))
        if token is not None and hub.tokens and token not in hub.tokens:
            self.refuse(401, "Invalid credentials in Authorization header")
        elif repo is None or (repo.private and token not in hub.tokens):
            status = 404 if token else 401
            self.refuse(status, "Repository not found", code="RepoNotFound")
        elif repo.gated and token not in hub.accepted and "api" not in self.note.path.split("/")[1]:
            status = 403 if token else 401
            self.refuse(status, f"Access to {name} is restricted", code="GatedRepo")
        else:
            return repo
        return None

    def _at_its_commit(self, repo: Repo, revision: str) -> bool:
        if revision in (repo.branch, repo.commit):
            return True
        self.refuse(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
        return False

    def _api(self, repo: Repo, rest: list[str]) -> None:
        verbs: dict[str, Callable[[Repo, str], None]] = {
            "tree": self._tree,
            "paths-info": self._paths_info,
        }
        if not rest or rest[0] == "revision":
            if self._at_its_commit(repo, rest[1] if rest else "main"):
                self._json(repo.info("blobs" in self.query))
        elif rest[0] == "refs":
            refs = [{"name": "main", "ref": "refs/heads/main", "targetCommit": repo.commit}]
            self._json({"branches": refs, "tags": [], "converts": []})
        elif rest[0] in verbs:
            if self._at_its_commit(repo, rest[1]):
                verbs[rest[0]](repo, "/".join(rest[2:]))
        else:
            self.refuse(404, f"no API at {rest[0]}")

    def _tree(self, repo: Repo, folder: str) -> None:
        recursive = self.query.get("recursive", ["false"])[0].lower() == "true"
        expand = self.query.get("expand", ["false"])[0].lower() == "true"
        entries = list(_entries(repo, folder, recursive=recursive, expand=expand))
        if not entries and folder:
            self.refuse(404, f"{folder} does not exist", code="EntryNotFound")
            return
        first = int(self.query.get("cursor", ["0"])[0])
        last = first + self.server.hub.page_size
        headers = {}
        if last < len(entries):
            again = f"{self.server.hub.url}{quote(self.note.path)}?cursor={last}"
            again += f"&recursive={recursive}&expand={expand}"
            headers["Link"] = f'<{again}>; rel="next"'
        self._json(entries[first:last], headers)

    def _paths_info(self, repo: Repo, _: str) -> None:
        form = parse_qs(self.body.decode())
        if self.headers.get("Content-Type", "").startswith("application/json"):
            form = json.loads(self.body)
        expand = str(form.get("expand", ["false"])).lower().find("true") >= 0
        everything = {entry["path"]: entry for entry in _entries(repo, "", True, expand)}
        self._json([everything[path] for path in form["paths"] if path in everything])

    def _resolve(self, repo: Repo, path: str) -> None:
        """Redirect: a large file to the storage, a small one to the Hub's own cache."""
        self.note = replace(self.note, file=(repo.name, path))
        file = repo.files.get(path)
        if file is None:
            headers = {"X_Repo_Commit": repo.commit}
            self.refuse(404, f"{path} does not exist", code="EntryNotFound", **headers)
            return
        place = f"/{repo.kind}/{repo.name}/{repo.commit}/{quote(path)}"
        headers = {
            "X-Repo-Commit": repo.commit,
            "X-Linked-Etag": f'"{file.etag}"',
            "X-Linked-Size": str(len(file.data)),
        }
        if file.lfs:
            headers["Location"] = f"{self.server.hub.storage_url}{place}?Signature=abc"
            self.send(302, b"", headers, "text/plain")
        else:
            headers["Location"] = f"/api/resolve-cache{place}"
            self.send(307, b"", headers, "text/plain")

    def _send_kept(self, repo: Repo, path: str) -> None:
        self.note = replace(self.note, file=(repo.name, path))
        self.send_file(repo.files[path], {"X-Repo-Commit": repo.commit})

    def _json(self, value: object, headers: dict[str, str] | None = None) -> None:
        self.send(200, json.dumps(value).encode(), headers or {}, "application/json")


def _entries(repo: Repo, folder: str, recursive: bool, expand: bool) -> Iterator[dict[str, Any]]:
    """The files and folders below a folder."""
    start = f"{folder}/" if folder else ""
    seen = set()
    for path, file in sorted(repo.files.items()):
        if not path.startswith(start):
            continue
        inner = path.removeprefix(start).split("/")
        for depth in range(1, len(inner)) if recursive else range(1, min(len(inner), 2)):
            below = start + "/".join(inner[:depth])
            if below not in seen:
                seen.add(below)
                yield {"type": "directory", "oid": "0" * 40, "size": 0, "path": below}
        if recursive or len(inner) == 1:
            yield file.entry(path, expand)
