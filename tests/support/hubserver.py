"""A small Hugging Face Hub on loopback, which answers the libraries' real requests.

There are two servers, as in reality: the Hub itself and the storage to which requests for large
files are redirected. The storage must never see a token. Both record what they send, and fail as a
test demands.
"""

import socket
import threading
from typing import Any

from hubrepo import Repo
from hubroutes import HubHandler, StorageHandler
from hubtransport import Fault, Request, start_server


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
        self._hub = start_server(HubHandler, self, listening)
        self._storage = start_server(StorageHandler, self, None)

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
