"""Spools: a row a line, its columns in the first one, between bars; pictures in hexadecimal."""

from collections.abc import Iterator
from pathlib import Path

from vlmeter.data.formats import Format


def read_rows(path: Path) -> Iterator[dict[str, object]]:
    """Yield the rows of a spool."""
    names, *lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        row: dict[str, object] = dict(zip(names.split("|"), line.split("|"), strict=True))
        yield {**row, "picture": bytes.fromhex(str(row["picture"]))}


SOURCES = {".spool": Format(read_rows)}
