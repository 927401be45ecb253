"""The Hub's errors as messages: what happened and what to do, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from huggingface_hub import constants, is_offline_mode
from huggingface_hub.errors import OfflineModeIsEnabled

from vlmeter.errors import UserError, one_line
from vlmeter.hub.client import HubUnreachableError
from vlmeter.storage.files import is_disk_full


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub, as the config names it."""

    name: str
    revision: str | None
    is_dataset: bool

    @property
    def title(self) -> str:
        """Its kind and name, for the beginning of a sentence."""
        return f"{'data set' if self.is_dataset else 'model'} {self.name}"

    @property
    def config_key(self) -> str:
        """The config's key under which it is named."""
        return f"{'datasets' if self.is_dataset else 'models'}.*.source"

    @property
    def page_url(self) -> str:
        """Its page, where a user accepts its conditions."""
        return f"{constants.ENDPOINT}/{'datasets/' if self.is_dataset else ''}{self.name}"

    @property
    def download_command(self) -> str:
        """The command that downloads it into the Hub's cache."""
        kind = " --repo-type dataset" if self.is_dataset else ""
        revision = f" --revision {self.revision}" if self.revision else ""
        return f"hf download {self.name}{kind}{revision}"


@contextmanager
def explain_errors(repository: Repository) -> Iterator[None]:
    """Turn the libraries' errors into a `UserError`.

    Other exceptions, such as those of a bug in VLMeter, pass unchanged.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError, httpx2.HTTPError) as error:
        raise UserError(f"{repository.title}: {describe_error(error, repository)}") from error


def describe_error(error: BaseException, repository: Repository) -> str:
    """Return what an error of the libraries means and what to do about it."""
    for cause in _iterate_causes(error):
        response = getattr(cause, "response", None)
        if isinstance(response, httpx2.Response):
            return _describe_response(response, repository)
        if isinstance(cause, HubUnreachableError):
            return (
                f"{cause}. Check the connection, or a proxy (HTTPS_PROXY), and run again; "
                "HF_HUB_OFFLINE=1 takes what is in the Hub's cache."
            )
        if is_disk_full(cause):
            return (
                f"there is no room left in {constants.HF_HUB_CACHE} ({cause}): make some, "
                "or set HF_HOME to a folder on a larger disk."
            )
    # What the Hub's library lacks in its cache, or a data set without any file of data there.
    if isinstance(error, (FileNotFoundError, OfflineModeIsEnabled)) and is_offline_mode():
        return (
            f"HF_HUB_OFFLINE is set, and it is not, or not whole, in the Hub's cache "
            f"{constants.HF_HUB_CACHE}: unset it, or first run `{repository.download_command}` "
            "with a network."
        )
    message = one_line(error)
    if message.startswith("Dataset scripts are no longer supported"):
        return (
            "it is made by a script, which is not run: try "
            f"{repository.config_key}.revision: refs/convert/parquet, where the Hub keeps a copy "
            "of many as parquet, or another repository of the same data."
        )
    return f"it cannot be read: {message}"


def _iterate_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _describe_response(response: httpx2.Response, repository: Repository) -> str:
    """Return what an error status of the Hub means; for a missing repository it is 401 too."""
    status, code = response.status_code, response.headers.get("X-Error-Code")
    message = response.headers.get("X-Error-Message", "")
    if code == "GatedRepo":
        return (
            f"it is gated (answer {status}): accept its conditions on {repository.page_url}, "
            "and set HF_TOKEN to a token of the account that accepted them."
        )
    if status == 401 and message.startswith("Invalid credentials"):
        return (
            "the Hub does not know the token (answer 401): set HF_TOKEN to a valid one, or unset "
            "it and run `hf auth logout`."
        )
    if code == "RevisionNotFound":
        return (
            f"it has no revision {repository.revision} (any more): correct "
            f"{repository.config_key}.revision, or leave it out to take the newest."
        )
    if code == "RepoNotFound" or status == 401:
        return (
            f"the Hub has no such repository, or it is private (answer {status}): check "
            f"{repository.config_key}.hub; for a private one set HF_TOKEN to a token that may "
            "read it."
        )
    path = response.request.url.path
    if code == "EntryNotFound":
        return f"a file of it is gone: {path}. Correct {repository.config_key}.revision."
    return f"the Hub answers {status} for {path}: {message or response.reason_phrase}."
