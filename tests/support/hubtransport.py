"""How the servers of the small Hub answer, record what they send, and fail as a test demands."""

import json
import socket
import sys
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from hubrepo import File

if TYPE_CHECKING:
    from hubserver import Hub


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


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: "Hub"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about a client that disconnected: some tests make it do so."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def start_server(handler: type, hub: "Hub", listening: socket.socket | None) -> Server:
    server = Server(("127.0.0.1", 0), handler, bind_and_activate=False)
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


class Handler(BaseHTTPRequestHandler):
    """The part that both servers share: it answers, records, and fails as a test demands."""

    protocol_version = "HTTP/1.1"
    host = ""
    server: Server

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
