"""The HTTP client of all requests to the Hub: it retries them a limited number of times.

The libraries retry some of their requests and wait without limit for others. They all use this
client, which applies one retry policy to every request and resumes a response body where the
connection broke.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx2
from huggingface_hub import is_offline_mode, set_client_factory
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils._http import parse_ratelimit_headers

from vlmeter.errors import one_line
from vlmeter.hub.retry import RetryPolicy

_LOG = logging.getLogger(__name__)
_TOO_MANY_REQUESTS = 429
_RETRIED_STATUSES = frozenset({408, _TOO_MANY_REQUESTS, 500, 502, 503, 504})
_Send = Callable[..., httpx2.Response]
"""`httpx2.Client.send` with the options of the first request."""
_RETRIED_ERRORS = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)


class HubUnreachableError(OfflineModeIsEnabled):
    """The Hub did not answer at any attempt.

    It is an `OfflineModeIsEnabled` so that the libraries look in their cache. For another type of
    error they would send the request again, in a loop of their own.
    """


def install_client(retry_policy: RetryPolicy) -> None:
    """Make `huggingface_hub`, and the libraries on top of it, use this retry policy."""
    set_client_factory(lambda: _RetryingClient(retry_policy))


class _RetryingClient(httpx2.Client):
    """Sends each request until it is answered or the retry policy ends."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        super().__init__(
            event_hooks={"request": [_refuse_offline]},
            follow_redirects=True,
            timeout=retry_policy.timeout_s,
        )
        self._retry_policy = retry_policy

    def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        **options: Any,  # noqa: ANN401 - httpx2's own
    ) -> httpx2.Response:
        """Send a request, and retry it if the failure may be temporary."""
        send: _Send = partial(super().send, **options)
        # Some callers set no timeout at all.
        request.extensions["timeout"] = httpx2.Timeout(self._retry_policy.timeout_s).as_dict()
        attempt = 1
        while True:
            response = None
            try:
                response = send(request, stream=stream)
                if response.status_code not in _RETRIED_STATUSES:
                    return self._make_resumable(request, response, send) if stream else response
                problem = f"answers {response.status_code} ({response.reason_phrase})"
                response.close()
            except _RETRIED_ERRORS as error:
                problem = _describe(error)
            attempt += 1
            self.wait_before(attempt, request, problem, response)

    def wait_before(
        self,
        attempt: int,
        request: httpx2.Request,
        problem: str,
        response: httpx2.Response | None = None,
    ) -> None:
        """Wait before another attempt.

        Raises:
            HubUnreachableError: the retry policy allows no further attempt.
        """
        retry_after_s = _read_retry_after_s(response)
        wait_s = self._retry_policy.compute_wait_s(attempt, retry_after_s)
        host = f"{request.url.scheme}://{request.url.netloc.decode()}"
        if wait_s is None:
            demand = "" if retry_after_s is None else f", and demands a wait of {retry_after_s:g} s"
            times = "once" if attempt == 2 else f"{attempt - 1} times"
            raise HubUnreachableError(
                f"{host} {problem}{demand}, asked {times} for {request.url.path}"
            )
        _LOG.warning("%s %s: asked again in %g s for %s", host, problem, wait_s, request.url.path)
        self._retry_policy.wait(wait_s)

    def _make_resumable(
        self, request: httpx2.Request, response: httpx2.Response, send: _Send
    ) -> httpx2.Response:
        """Give a response a body that resumes where the connection breaks."""
        # The rest of a compressed body can be requested, but may not match the first part.
        if request.method == "GET" and "content-encoding" not in response.headers:
            body: Any = response.stream
            response.stream = _ResumedBody(self, request, response, body, send)
        return response


class _ResumedBody(httpx2.SyncByteStream):
    """A response body that is requested again from the byte where the connection broke."""

    def __init__(
        self,
        client: _RetryingClient,
        request: httpx2.Request,
        response: httpx2.Response,
        body: httpx2.SyncByteStream,
        send: _Send,
    ) -> None:
        self._client, self._request, self._send = client, request, send
        self._etag = response.headers.get("etag")
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        body: Any = self._body
        received_bytes, attempt = 0, 1
        while True:
            try:
                body = body or self._request_rest(received_bytes)
                for chunk in body:
                    received_bytes += len(chunk)
                    attempt = 1
                    yield chunk
                return
            except _RETRIED_ERRORS as error:
                problem = _describe(error)
            self._body.close()
            body = None
            attempt += 1
            self._client.wait_before(attempt, self._request, problem)

    def _request_rest(self, received_bytes: int) -> httpx2.SyncByteStream:
        response = self._send(_build_rest_request(self._request, received_bytes), stream=True)
        if response.status_code != 206 or response.headers.get("etag") != self._etag:
            response.close()
            raise httpx2.RemoteProtocolError(f"answers {response.status_code} to the rest of it")
        body: Any = response.stream
        self._body = body
        return self._body

    def close(self) -> None:
        self._body.close()


def _refuse_offline(request: httpx2.Request) -> None:
    if is_offline_mode():
        raise OfflineModeIsEnabled(f"HF_HUB_OFFLINE is set: {request.url} is not requested")


def _build_rest_request(request: httpx2.Request, received_bytes: int) -> httpx2.Request:
    """Return a request for the part of a body that is still missing."""
    return httpx2.Request(
        request.method,
        request.url,
        headers={**request.headers, "range": _format_missing_range(request, received_bytes)},
        extensions=request.extensions,
    )


def _format_missing_range(request: httpx2.Request, received_bytes: int) -> str:
    """Return the Range header for the part of a body that is still missing."""
    first, _, last = request.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
    return f"bytes={int(first or 0) + received_bytes}-{last}"


def _read_retry_after_s(response: httpx2.Response | None) -> float | None:
    """Return the wait in seconds that a response demands; one given as a date is ignored."""
    if response is None:
        return None
    limit = parse_ratelimit_headers(response.headers)
    if response.status_code == _TOO_MANY_REQUESTS and limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    header = response.headers.get("retry-after", "").strip()
    return float(header) if header.isdigit() else None


def _describe(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "does not answer in time"
    if isinstance(error, httpx2.ConnectError):
        return f"cannot be reached ({one_line(error)})"
    return f"breaks the connection ({one_line(error)})" if str(error) else "breaks the connection"
