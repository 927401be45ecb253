"""Values that a figure is compared with: within a share, a text of JSON, a beginning."""

import json
from dataclasses import dataclass
from typing import Any

import pytest


def about(value: float, rel: float = 1e-6, abs: float = 0.0) -> Any:
    """Return a value that others equal within a share, or within an amount."""
    return pytest.approx(value, rel=rel, abs=abs)


@dataclass(frozen=True)
class Begins:
    """A text that begins so."""

    words: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.startswith(self.words)

    __hash__ = None


@dataclass(frozen=True)
class Within:
    """A number between two."""

    low: float
    high: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and self.low < other + 1e-9 <= self.high + 1e-9

    __hash__ = None


@dataclass(frozen=True)
class AsJson:
    """A value that a text holds as JSON."""

    value: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.value == json.loads(other)

    __hash__ = None
