"""JSON of data sets, in which a value that Python cannot build spoils its own cell and no more."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BuildObject = Callable[[list[tuple[str, Any]]], dict[str, Any]]

_DEEPEST = 100
"""A value below so many lists and objects stands for nothing that a sample can hold."""
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
"""A text, in which brackets mean nothing, or a bracket."""


@dataclass(frozen=True)
class Unreadable:
    """Stands for a value that cannot be built, so that its cell alone is refused."""

    single: str
    """What it is called in a sentence."""
    several: str


def parse_json(text: str, build_object: BuildObject | None = None) -> Any:  # noqa: ANN401 - JSON
    """Return what a JSON text holds, `Unreadable` in the place of what Python cannot build.

    Those are numbers of thousands of digits, and what is nested deeper than anybody reads.

    Args:
        text: The text.
        build_object: Makes an object of its pairs; None for a dict.

    Raises:
        ValueError: the text is no JSON, or `build_object` refuses an object.
    """
    try:
        return json.loads(text, object_pairs_hook=build_object)
    except (ValueError, RecursionError):
        return _parse_carefully(text, build_object or dict)


def _parse_carefully(text: str, build_object: BuildObject) -> Any:  # noqa: ANN401 - JSON
    mark = "too deep"
    while mark in text:
        mark += "!"

    def build(pairs: list[tuple[str, Any]]) -> object:
        if pairs == [(mark, 0)]:
            return Unreadable(
                f"a value that is nested more than {_DEEPEST} deep",
                f"values that are nested more than {_DEEPEST} deep",
            )
        return build_object(pairs)

    try:
        return json.loads(
            _replace_deep(text, json.dumps({mark: 0})),
            object_pairs_hook=build,
            parse_int=_parse_int,
        )
    except RecursionError:
        raise ValueError(f"its brackets open more than {_DEEPEST} deep and do not close") from None


def _parse_int(digits: str) -> object:
    try:
        return int(digits)
    except ValueError:
        # Python's limit: its work grows with the square of the digits.
        count = len(digits.lstrip("-"))
        return Unreadable(f"a number of {count} digits", f"numbers of {count} digits")


def _replace_deep(text: str, other: str) -> str:
    """Return a JSON text with another value for each that is nested too deeply."""
    parts: list[str] = []
    copied = depth = start = 0
    for token in _BRACKETS.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            start = token.start() if depth == _DEEPEST + 1 else start
        elif token[0] in ("]", "}"):
            if depth == _DEEPEST + 1:
                parts += [text[copied:start], other]
                copied = token.end()
            depth -= 1
    return "".join([*parts, text[copied:]])
