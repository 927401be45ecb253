"""A small Hugging Face Hub on loopback, which answers the libraries' real requests.

There are two servers, as in reality: the Hub itself and the storage to which requests for large
files are redirected. The storage must never see a token. Both record what they send, and fail as a
test demands.
"""

import hashlib
import json
import math
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


@dataclass
class Fault:
    """What goes wrong with requests for a path."""

    part: str
    """The part of a path by which requests are selected."""
    times: float = float("inf")
    """Number of requests that meet the fault."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    """Bytes of the body that are sent before the connection breaks; None for all."""
    stall: bool = False
    """Send the headers and no body."""
    damage: bool = False
    """Send a body of the same length with other bytes."""
    method: str = ""


@dataclass(frozen=True)
class Request:
    """A request and what was sent for it."""

    host: str
    """`hub` or `storage`."""
    method: str
    path: str
    query: str
    token: str | None
    user_agent: str
    bytes_range: str | None
    file: tuple[str, str] | None
    """Repository and path, if a file was requested."""
    status: int = 0
    sent_bytes: int = 0
    """Bytes of the body."""


class Hub:
    """The Hub: its repositories, its faults and the requests that it received."""

    def __init__(self, listening: socket.socket | None = None) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.tokens: set[str] = set()
        """Tokens that are valid."""
        self.accepted: set[str] = set()
        """Tokens of accounts that accepted the conditions of gated repositories."""
        self.page_size = 1000
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._hub = _start_server(_HubHandler, self, listening)
        self._storage = _start_server(_StorageHandler, self, None)

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

    def fail(self, part: str, **fault: Any) -> None:
        """Let requests fail whose path contains `part`; `fault` as in `Fault`."""
        self.faults.append(Fault(part, **fault))

    def reset(self) -> None:
        """Delete the faults, the tokens and the record of requests."""
        self.faults.clear()
        self.tokens.clear()
        self.accepted.clear()
        self.requests.clear()
        self.page_size = 1000

    def count_sent_bytes(self, repo: str, part: str = "") -> int:
        """Return the bytes sent of a repository's files whose path contains `part`."""
        return sum(
            request.sent_bytes
            for request in self.requests
            if request.file is not None and request.file[0] == repo and part in request.file[1]
        )

    def close(self) -> None:
        """Stop serving."""
        self._closing.set()
        for server in (self._hub, self._storage):
            server.shutdown()
            server.server_close()

    def record(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Return the fault that a request meets, if any, and count it as met."""
        with self._lock:
            for fault in self.faults:
                if fault.part in path and fault.method in ("", method) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def wait_until_closing(self) -> None:
        # A client gives up long before that. The limit keeps the thread from outliving the server.
        self._closing.wait(30)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: Hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about a client that disconnected: some tests make it do so."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _start_server(handler: type, hub: Hub, listening: socket.socket | None) -> _Server:
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
    """The part that both servers share: it answers, records, and fails as a test demands."""

    protocol_version = "HTTP/1.1"
    host = ""
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: object) -> None:
        """Print nothing on stderr."""

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
        self.request_record = Request(
            host=self.host,
            method=self.command,
            path=path,
            query=url.query,
            token=authorization.removeprefix("Bearer ") if authorization else None,
            user_agent=self.headers.get("User-Agent", ""),
            bytes_range=self.headers.get("Range"),
            file=None,
        )
        self.fault = self.server.hub.take_fault(self.command, path)
        if self.fault is not None and self.fault.status is not None:
            self.refuse(self.fault.status, "a fault of the test", **self.fault.headers)
        else:
            # Split before unquoting: a branch may have slashes in its name, which are quoted.
            self.answer([unquote(part) for part in url.path.strip("/").split("/")])

    def answer(self, parts: list[str]) -> None:
        raise NotImplementedError

    def refuse(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """Answer with an error in the format of the Hub."""
        if code is not None:
            headers["X-Error-Code"] = code
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        data = json.dumps({"error": message}).encode()
        self.send(status, data, {"X-Error-Message": message, **headers}, "application/json")

    def send_file(self, file: File, headers: dict[str, str]) -> None:
        """Send a file, or the range of it that is requested."""
        data, status = file.data, 200
        headers = {"ETag": f'"{file.etag}"', "Accept-Ranges": "bytes", **headers}
        bytes_range = self.headers.get("Range")
        if bytes_range:
            first, _, last = bytes_range.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(len(data) - int(last), 0)
            end = min(int(last), len(data) - 1) if first and last else len(data) - 1
            if start >= len(data):
                self.refuse(416, "no such range", Content_Range=f"bytes */{len(data)}")
                return
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data, status = data[start : end + 1], 206
        self.send(status, data, headers, "application/octet-stream")

    def send(self, status: int, data: bytes, headers: dict[str, str], kind: str) -> None:
        """Send an answer with the fault of the request, if it has one."""
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
        # Before sending: a test may look at the record as soon as it has received everything.
        self.server.hub.record(replace(self.request_record, status=status, sent_bytes=len(data)))
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
        self.request_record = replace(self.request_record, file=(repo.name, file_path))
        self.send_file(repo.files[file_path], {})


class _HubHandler(_Handler):
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
