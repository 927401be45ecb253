"""The one exception that a user, not a developer, is meant to read."""

from collections.abc import Sequence
from typing import NewType

Sentence = NewType("Sentence", str)
"""A text for people alone. No code may decide by its words: the digest of code leaves them out."""


class UserError(Exception):
    """What the user gave cannot be used.

    The message is one clear sentence or a short list of them: it names the file and the key or
    the sample, and says what to do. It is shown without a traceback.
    """


def one_line(error: BaseException) -> str:
    """Return an error's own words in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def listed(names: Sequence[object], shown: int = 5) -> str:
    """Join names for a sentence, the first few of them."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in names[:shown]) + more
