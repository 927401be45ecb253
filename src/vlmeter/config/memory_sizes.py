"""Sizes of memory as the config writes them: a number and a unit."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from vlmeter.errors import list_names, shorten

_FACTORS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_FACTORS)})", re.ASCII)


def read_memory_size(text: str) -> int:
    """Return the bytes of a size such as `24GB` (10^9) or `24 GiB` (2^30).

    Raises:
        ValueError: it is none, or nothing.
    """
    match = _SIZE.fullmatch(text)
    size_bytes = int(float(match[1]) * _FACTORS[match[2]]) if match and len(text) < 20 else 0
    if size_bytes <= 0:
        raise ValueError(
            f'"{shorten(text)}" is no size of memory: give a number above 0 and a unit, '
            f"one of {list_names(list(_FACTORS))}, such as 24GB"
        )
    return size_bytes


def _check_size(value: object) -> object:
    # Before the type: a bare number needs a unit, and no quotes.
    read_memory_size(value if isinstance(value, str) else str(value))
    return value


def _check_distinct(sizes: list[str]) -> list[str]:
    if len({read_memory_size(size) for size in sizes}) < len(sizes):
        raise ValueError(f"names a size twice: {shorten(sizes)}")
    return sizes


MemorySizes = Annotated[
    list[Annotated[str, BeforeValidator(_check_size)]], AfterValidator(_check_distinct)
]
