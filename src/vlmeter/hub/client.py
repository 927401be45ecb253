"""How the Hub is asked: each request again a few times where that can help, never for ever.

The libraries retry some of their requests and wait for others without end. One HTTP client below
all of them gives every request the same patience, and picks up a body where it broke off.
"""

import logging
from collections.abc import Iterator
from typing import Any

import httpx2
from huggingface_hub import is_offline_mode, set_client_factory
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils._http import parse_ratelimit_headers

from vlmeter.hub.patience import Patience

_LOG = logging.getLogger(__name__)
_TOO_MANY = 429
_RETRIED = frozenset({408, _TOO_MANY, 500, 502, 503, 504})
_BROKEN = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)


class HubUnreachableError(OfflineModeIsEnabled):
    """The Hub did not answer, however often it was asked.

    As an `OfflineModeIsEnabled` it makes the libraries look into their cache instead of asking
    again in a loop of their own.
    """


def connect(patience: Patience) -> None:
    """Let `huggingface_hub`, and the libraries that ask through it, use this patience."""
    set_client_factory(lambda: _PatientClient(patience))


class _PatientClient(httpx2.Client):
    """Sends each request until it is answered, within bounds."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(
            event_hooks={"request": [_refuse_offline]},
            follow_redirects=True,
            timeout=patience.timeout_s,
        )
        self._patience = patience

    def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        **options: Any,  # noqa: ANN401 - httpx2's own
    ) -> httpx2.Response:
        """Send a request, again where the failure may pass."""
        # Some callers ask for no timeout at all.
        request.extensions["timeout"] = httpx2.Timeout(self._patience.timeout_s).as_dict()
        attempt = 1
        while True:
            response = None
            try:
                response = super().send(request, stream=stream, **options)
                if response.status_code not in _RETRIED:
                    return self._resumed(request, response, options) if stream else response
                problem = f"answers {response.status_code} ({response.reason_phrase})"
                response.close()
            except _BROKEN as error:
                problem = _in_words(error)
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
            HubUnreachableError: there is to be none.
        """
        asked_for_s = _retry_after_s(response)
        seconds = self._patience.seconds_before(attempt, asked_for_s)
        where = f"{request.url.scheme}://{request.url.netloc.decode()}"
        if seconds is None:
            later = "" if asked_for_s is None else f", and wants {asked_for_s:g} s of quiet"
            times = "once" if attempt == 2 else f"{attempt - 1} times"
            raise HubUnreachableError(
                f"{where} {problem}{later}, asked {times} for {request.url.path}"
            )
        _LOG.warning("%s %s: asked again in %g s for %s", where, problem, seconds, request.url.path)
        self._patience.wait(seconds)

    def _resumed(
        self, request: httpx2.Request, response: httpx2.Response, options: dict[str, Any]
    ) -> httpx2.Response:
        """Let the body be read on where it breaks off."""
        # A part of a compressed body can be asked for, but need not fit to the rest.
        if request.method == "GET" and "content-encoding" not in response.headers:
            body: Any = response.stream
            response.stream = _ResumedBody(self, request, response, body, options)
        return response

    def send_rest(
        self, request: httpx2.Request, received: int, options: dict[str, Any]
    ) -> httpx2.Response:
        """Ask for what is still missing of a body."""
        again = httpx2.Request(
            request.method,
            request.url,
            headers={**request.headers, "range": _missing_range(request, received)},
            extensions=request.extensions,
        )
        return super().send(again, stream=True, **options)


class _ResumedBody(httpx2.SyncByteStream):
    """A body that is asked for again from the byte where it broke off."""

    def __init__(
        self,
        client: _PatientClient,
        request: httpx2.Request,
        response: httpx2.Response,
        body: httpx2.SyncByteStream,
        options: dict[str, Any],
    ) -> None:
        self._client, self._request, self._options = client, request, options
        self._etag = response.headers.get("etag")
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        body: Any = self._body
        received, attempt = 0, 1
        while True:
            try:
                body = body or self._rest(received)
                for chunk in body:
                    received += len(chunk)
                    attempt = 1
                    yield chunk
                return
            except _BROKEN as error:
                problem = _in_words(error)
            self._body.close()
            body = None
            attempt += 1
            self._client.wait_before(attempt, self._request, problem)

    def _rest(self, received: int) -> httpx2.SyncByteStream:
        response = self._client.send_rest(self._request, received, self._options)
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
        raise OfflineModeIsEnabled(f"HF_HUB_OFFLINE is set: {request.url} is not asked")


def _missing_range(request: httpx2.Request, received: int) -> str:
    """Return the range of what is still missing of a body."""
    first, _, last = request.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
    return f"bytes={int(first or 0) + received}-{last}"


def _retry_after_s(response: httpx2.Response | None) -> float | None:
    """Return the seconds that a response asks to wait; a date is not understood."""
    if response is None:
        return None
    limit = parse_ratelimit_headers(response.headers)
    if response.status_code == _TOO_MANY and limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    value = response.headers.get("retry-after", "").strip()
    return float(value) if value.isdigit() else None


def _in_words(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "does not answer in time"
    if isinstance(error, httpx2.ConnectError):
        return f"cannot be reached ({error})"
    return f"breaks the connection ({error})" if str(error) else "breaks the connection"
