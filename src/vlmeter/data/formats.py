"""The formats of tables on this disk, by how their names end.

Parquet and texts are ours. Packages of others add formats by the entry points
`vlmeter.data_sources`, in tables of this form.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vlmeter.errors import UserError, one_line, shorten
from vlmeter.software.plugins import load_tables
from vlmeter.storage.texts import compose

CSV_SUFFIXES = (".csv", ".tsv")
TEXT_SUFFIXES = (*CSV_SUFFIXES, ".jsonl", ".ndjson")
_OWN_SUFFIXES = (".parquet", *TEXT_SUFFIXES)
_SUFFIX = re.compile(r"\.[a-z0-9]+")


@dataclass(frozen=True)
class Format:
    """A format of another package."""

    read_rows: Callable[[Path], Iterable[Mapping[str, object]]]
    """Returns the rows of a file in their order, the same each time: by column a text, a number, a
    list, bytes of an encoded image, or the name of an image's file beside the table."""


def _add(others: Iterable[Mapping[str, object]]) -> dict[str, Format]:
    """Return the formats of others.

    Raises:
        UserError: one is of an ending that no file has, or of one that is taken.
    """
    formats: dict[str, Format] = {}
    for table in others:
        for suffix, format_ in table.items():
            if not _SUFFIX.fullmatch(suffix):
                raise UserError(
                    f'A package reads files that end in "{shorten(suffix)}": an ending is a point '
                    "and small letters or digits."
                )
            if suffix in _OWN_SUFFIXES or suffix in formats:
                raise UserError(
                    f"A package reads files that end in {suffix}, which are read already: "
                    "give them another ending."
                )
            assert isinstance(format_, Format), "`load_tables` looked at it"
            formats[suffix] = format_
    return formats


FORMATS = _add(
    load_tables(
        "vlmeter.data_sources", lambda value: isinstance(value, Format), "formats by ending"
    )
)
"""Those of other packages."""
ROW_SUFFIXES = (*TEXT_SUFFIXES, *FORMATS)
"""Tables that are read row by row from their beginning."""
TABLE_SUFFIXES = (".parquet", *ROW_SUFFIXES)


def read_other_rows(path: Path) -> Iterator[dict[str, object]]:
    """Yield the rows of a file in another package's format, the names of columns composed.

    Raises:
        UserError: that package cannot read the file, or returns no rows.
    """
    suffix = path.suffix.lower()
    try:
        for row in FORMATS[suffix].read_rows(path):
            if not isinstance(row, Mapping):
                raise TypeError(f"a row is {type(row).__name__}, not a table of columns")
            yield {compose(str(name)): value for name, value in row.items()}
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{path} cannot be read by the package that reads {suffix} ({one_line(error)}): mend "
            "the file or that package."
        ) from error
