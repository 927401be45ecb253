"""The one exception that a user, not a developer, is meant to read."""

from collections.abc import Sequence
from typing import NewType

Sentence = NewType("Sentence", str)
"""A text for people alone. No code may decide by its words: the digest of code leaves them out."""


_MOST_OF_AN_ERROR = 240


class UserError(Exception):
    """What the user gave cannot be used.

    The message is one clear sentence or a short list of them: it names the file and the key or
    the sample, and says what to do. It is shown without a traceback.
    """


def shorten(text: object, most: int = 80) -> str:
    """Return a text that came from outside in one line of at most `most` characters.

    Whatever enters a sentence from a file, an exception or a library goes through here: it may be
    of any length, and hold line breaks and characters that no terminal shows.
    """
    # White space beyond what is shown is not looked at: a cell may hold a whole image.
    words = " ".join(str(text)[: 8 * most].split())
    line = "".join(each if each.isprintable() else "\ufffd" for each in words)
    return line if len(line) <= most and len(str(text)) <= 8 * most else f"{line[: most - 1]}…"


def one_line(error: BaseException) -> str:
    """Return an error's own words in one line."""
    return shorten(error, _MOST_OF_AN_ERROR) or type(error).__name__


def listed(names: Sequence[object], shown: int = 5) -> str:
    """Join names for a sentence, the first few of them."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{shorten(name, 40)}'" for name in names[:shown]) + more
