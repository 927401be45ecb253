"""Escapes text from models, data sets and exceptions for the place where it is shown."""

import json
import re

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that reverse the order of what follows
    "\ud800-\udfff\ufffe\uffff]"  # no characters at all: UTF-8 and XML cannot hold them
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")
_MARKDOWN_SPECIAL = re.compile(
    r"(?P<harmless>\[[+-]?[0-9][0-9.e,; %+-]*\](?![(\[:]))"  # an interval is no link
    r"|[\\`*\[\]|~$]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # an underscore inside a word is harmless
    r"|!(?=\[)|#(?=\d)|(?<=www)\.|:(?=//)"  # images, issue numbers, bare addresses
)
_MARKDOWN_START = re.compile(r"^(?:[-+](?=[\s+-]|$)|#|=+(?=$)|\d+(?=[.)](?:\s|$)))")


def printable(text: str) -> str:
    """Return `text` with U+FFFD for every character that is neither visible nor white space."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return `text` printable, with every run of white space as a single space."""
    return " ".join(printable(text).split())


def csv_text(text: str) -> str:
    """Return `text` so that spreadsheets do not read it as a formula; `csv_original` reverts it.

    A quote is put before characters that start a formula (OWASP, CSV injection), and before a
    quote, so that reverting is unambiguous.
    """
    text = printable(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def csv_original(text: str) -> str:
    """Return the original of a text that `csv_text` escaped."""
    return text.removeprefix("'")


def script_json(value: object) -> str:
    """Return dataclasses as JSON in which no HTML tag can begin or end, for a `<script>`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=vars)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def quote_attribute(text: str) -> str:
    """Return JSON as an attribute's value in single quotes, so that its own ones stay short."""
    for sign, entity in (("&", "&amp;"), ("'", "&#39;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, entity)
    return f"'{text}'"


def markdown(text: str) -> str:
    """Return `text` on a line that Markdown shows unchanged: no markup, no HTML, no table."""
    line = _MARKDOWN_SPECIAL.sub(_escape, one_line(text))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    start = _MARKDOWN_START.match(line)
    if start is None:
        return line
    marker = start.group()
    rest = line[len(marker) :]
    return f"{marker}\\{rest}" if marker.isdigit() else f"\\{marker}{rest}"


def _escape(match: re.Match[str]) -> str:
    return match.group() if match.group("harmless") else f"\\{match.group()}"
