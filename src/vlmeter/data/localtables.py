"""Which files of a local data set are its table."""

from pathlib import Path

from vlmeter.data.texttables import TEXT_TABLES
from vlmeter.errors import UserError

_TABLES = (".parquet", *TEXT_TABLES)
_KINDS = "parquet, CSV, TSV or JSONL"
_SHOWN = 4


def find_tables(path: Path, pattern: str | None) -> list[Path]:
    """Return the tables of a data set, in the order of its rows.

    A folder of parquet files is one table. Of other tables it may hold one, unless `pattern` says
    which: two CSV files are as likely two data sets as one.

    Args:
        path: A parquet file, or a folder with tables.
        pattern: A file or a glob pattern below the folder; None where it is all.

    Raises:
        UserError: there is no table, or it cannot be told which.
    """
    if path.is_file():
        return [_parquet_alone(path, pattern)]
    try:
        found = sorted(file for file in path.glob(pattern or "**/*") if _is_table(file, path))
    except ValueError as error:
        raise UserError(
            f'"{pattern}" is no pattern for datasets.*.source.table: {error}.'
        ) from None
    if not found:
        raise UserError(_nothing_there(path, pattern))
    names = [str(file.relative_to(path)) for file in found]
    if pattern is None and len(found) > 1 and any(map(_is_text, found)):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise UserError(
            f"{path} holds several tables ({', '.join(names[:_SHOWN])}{more}): "
            "say which with datasets.*.source.table."
        )
    return found


def _parquet_alone(path: Path, pattern: str | None) -> Path:
    if pattern is not None:
        raise UserError(f"{path} is a file: datasets.*.source.table goes with a folder.")
    if _is_text(path):
        raise UserError(
            f"{path} can but name its images: give the folder that holds it and them as "
            f"datasets.*.source.path, and {path.name} as datasets.*.source.table."
        )
    return path


def _nothing_there(path: Path, pattern: str | None) -> str:
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
    return file.suffix.lower() in _TABLES and not hidden and file.is_file()


def _is_text(file: Path) -> bool:
    return file.suffix.lower() in TEXT_TABLES
