"""What the Hub's refusals mean, in one sentence with what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from huggingface_hub import constants, is_offline_mode
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from vlmeter.errors import UserError, one_line
from vlmeter.files import no_room
from vlmeter.hub.client import HubUnreachableError


@dataclass(frozen=True)
class Asked:
    """A repository, and where the config names it."""

    name: str
    revision: str | None
    is_dataset: bool

    @property
    def words(self) -> str:
        """What it is, for the beginning of a sentence."""
        return f"{'data set' if self.is_dataset else 'model'} {self.name}"

    @property
    def key(self) -> str:
        """The block of the config that names it."""
        return f"{'datasets' if self.is_dataset else 'models'}.*.source"

    @property
    def page(self) -> str:
        """Its page, where conditions are accepted."""
        return f"{constants.ENDPOINT}/{'datasets/' if self.is_dataset else ''}{self.name}"

    @property
    def command(self) -> str:
        """The command that brings it into the cache."""
        kind = " --repo-type dataset" if self.is_dataset else ""
        revision = f" --revision {self.revision}" if self.revision else ""
        return f"hf download {self.name}{kind}{revision}"


@contextmanager
def in_one_sentence(asked: Asked) -> Iterator[None]:
    """Turn what the libraries raise into a `UserError`.

    Other exceptions, a bug of ours for instance, pass as they are.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError, httpx2.HTTPError) as error:
        raise UserError(f"{asked.words}: {in_words(error, asked)}") from error


def in_words(error: BaseException, asked: Asked) -> str:
    """Say what an error of the libraries means and what to do."""
    for one in _with_causes(error):
        response = getattr(one, "response", None)
        if isinstance(response, httpx2.Response):
            return _answer_in_words(response, asked)
        if isinstance(one, HubUnreachableError):
            return (
                f"{one}. Check the connection, or a proxy (HTTPS_PROXY), and run again; "
                "HF_HUB_OFFLINE=1 takes what is in the Hub's cache."
            )
        if no_room(one):
            return (
                f"there is no room left in {constants.HF_HUB_CACHE} ({one}): make some, "
                "or set HF_HOME to a folder on a larger disk."
            )
    if isinstance(error, (LocalEntryNotFoundError, OfflineModeIsEnabled)) and is_offline_mode():
        return (
            f"HF_HUB_OFFLINE is set, and it is not, or not whole, in the Hub's cache "
            f"{constants.HF_HUB_CACHE}: unset it, or first run `{asked.command}` with a network."
        )
    told = one_line(error)
    if told.startswith("Dataset scripts are no longer supported"):
        return (
            "it is made by a script, which is not run: try "
            f"{asked.key}.revision: refs/convert/parquet, where the Hub keeps a copy of many as "
            "parquet, or another repository of the same data."
        )
    return f"it cannot be read: {told}"


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: Any = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _answer_in_words(response: httpx2.Response, asked: Asked) -> str:
    """Say what an error code of the Hub means; 401 is also its answer to what does not exist."""
    status, code = response.status_code, response.headers.get("X-Error-Code")
    message = response.headers.get("X-Error-Message", "")
    if code == "GatedRepo":
        return (
            f"it is gated (answer {status}): accept its conditions on {asked.page}, and set "
            "HF_TOKEN to a token of the account that accepted them."
        )
    if status == 401 and message.startswith("Invalid credentials"):
        return (
            "the Hub does not know the token (answer 401): set HF_TOKEN to a valid one, or unset "
            "it and run `hf auth logout`."
        )
    if code == "RevisionNotFound":
        return (
            f"it has no revision {asked.revision} (any more): correct {asked.key}.revision, "
            "or leave it out to take the newest."
        )
    if code == "RepoNotFound" or status == 401:
        return (
            f"the Hub has no such repository, or it is private (answer {status}): check "
            f"{asked.key}.hub; for a private one set HF_TOKEN to a token that may read it."
        )
    path = response.request.url.path
    if code == "EntryNotFound":
        return f"a file of it is gone: {path}. Correct {asked.key}.revision."
    return f"the Hub answers {status} for {path}: {message or response.reason_phrase}."
