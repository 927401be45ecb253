"""Finds the tables of a data set on disk."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from vlmeter.data.formats import FORMATS, ROW_SUFFIXES, TABLE_SUFFIXES, TEXT_SUFFIXES
from vlmeter.errors import UserError, one_line, shorten
from vlmeter.storage.texts import check_distinct, compose

_KINDS = ", ".join(["parquet, CSV, TSV", *(suffix[1:] for suffix in FORMATS)]) + " or JSONL"
_SHOWN_NAMES = 4


def find_tables(path: Path, pattern: str | None) -> list[Path]:
    """Return the tables of a data set, in the order of its rows.

    The parquet files of a folder are parts of a single table. A folder with a table of another
    kind may hold no other table unless `pattern` selects: two CSV files may well be two data sets.

    Args:
        path: A file with its images in it, or a folder with tables.
        pattern: A file name or a glob pattern below the folder; None for all tables in it.

    Raises:
        UserError: there is no table, there are several and no pattern, or the names of two differ
            in their form of Unicode alone.
    """
    if path.is_file():
        return [_check_single_file(path, pattern)]
    try:
        tables = sorted(file for file in _glob(path, pattern or "**/*") if _is_table(file, path))
    except ValueError as error:
        raise UserError(
            f'"{pattern}" is no pattern for datasets.*.source.table: {one_line(error)}.'
        ) from None
    if not tables:
        raise UserError(_explain_no_table(path, pattern))
    check_distinct((str(file.relative_to(path)) for file in tables), path)
    names = [shorten(file.relative_to(path), 60) for file in tables]
    if pattern is None and len(tables) > 1 and any(map(_is_read_by_row, tables)):
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        raise UserError(
            f"{path} holds several tables ({', '.join(names[:_SHOWN_NAMES])}{more}): "
            "say which with datasets.*.source.table."
        )
    return tables


def _glob(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield what a pattern matches below a folder, whichever form of Unicode either is in."""
    parts = PurePath(compose(pattern)).parts
    broken = next((part for part in parts if "**" in part and part != "**"), None)
    if broken is not None:
        raise ValueError(f"** is a part of its own, and {broken} holds it")
    for file in folder.glob("/".join(part if part == "**" else "*" for part in parts)):
        if _matches([compose(name) for name in file.relative_to(folder).parts], parts):
            yield file


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not names
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(_matches(names[start:], rest) for start in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], first) and _matches(names[1:], rest)


def _check_single_file(path: Path, pattern: str | None) -> Path:
    if pattern is not None:
        raise UserError(f"{path} is a file: datasets.*.source.table goes with a folder.")
    if path.suffix.lower() in TEXT_SUFFIXES:
        raise UserError(
            f"{path} only names its images: give the folder that holds it and them as "
            f"datasets.*.source.path, and {path.name} as datasets.*.source.table."
        )
    return path


def _explain_no_table(path: Path, pattern: str | None) -> str:
    if pattern is not None and path.is_dir():
        return (
            f"{path}: no table ({_KINDS}) there is named {pattern}; check datasets.*.source.table."
        )
    if any(path.glob("**/*.arrow")):
        return (
            f"{path} holds Arrow files, as save_to_disk writes them: write the data set as parquet "
            "with to_parquet."
        )
    return f"{path}: no table ({_KINDS}) there; check datasets.*.source.path."


def _is_table(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return file.suffix.lower() in TABLE_SUFFIXES and not hidden and file.is_file()


def _is_read_by_row(file: Path) -> bool:
    return file.suffix.lower() in ROW_SUFFIXES
