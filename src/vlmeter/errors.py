"""The one exception that a user, not a developer, is meant to read."""


class UserError(Exception):
    """What the user gave cannot be used.

    The message is one clear sentence or a short list of them: it names the file and the key or
    the sample, and says what to do. It is shown without a traceback.
    """


def one_line(error: BaseException) -> str:
    """Return an error's own words in one line."""
    return " ".join(str(error).split()) or type(error).__name__
