"""What other packages add: tables like ours, by entry points of their own distributions.

A package names in its `pyproject.toml` a table in the form of the one that it adds to. The digest
of its code stands in the params of every job that reaches that table.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from vlmeter.errors import UserError, one_line, shorten

TABLES: Mapping[str, str] = {
    "vlmeter.data_sources": "vlmeter.data.formats",
    "vlmeter.families": "vlmeter.models.families",
    "vlmeter.metrics": "vlmeter.metrics.registry",
}
"""The module with the table of ours, by the group of entry points that adds to it."""


def load_tables(
    group: str, is_value: Callable[[object], bool], needed: str
) -> list[Mapping[str, object]]:
    """Return the tables that other packages add in a group, in the order of their names.

    Args:
        group: One of `TABLES`.
        is_value: Says whether a value of a table is of the right kind.
        needed: That kind, for the sentence.

    Raises:
        UserError: a package cannot be imported, or its entry is no such table.
    """
    tables = []
    for point in _list_points(group):
        try:
            table = point.load()
        except Exception as error:
            raise UserError(
                f"{_describe(point)} cannot be imported ({one_line(error)}): mend that package or "
                "uninstall it."
            ) from error
        if not isinstance(table, Mapping) or not all(map(is_value, table.values())):
            raise UserError(f"{_describe(point)} is no table of {needed}: mend that package.")
        tables.append(table)
    return tables


def digest_plugins() -> dict[str, str]:
    """Return a digest of the code that adds to each group; groups without any are left out."""
    digests = {}
    for group in TABLES:
        points = _list_points(group)
        if points:
            parts = [f"{point.name}={point.value}:{_digest_package(point)}" for point in points]
            digests[group] = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return digests


def _list_points(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def _digest_package(point: EntryPoint) -> str:
    """Return a digest of all files of Python of the package that an entry point names."""
    package = point.module.partition(".")[0]
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise UserError(f"{_describe(point)}: there is no package {package}: install it again.")
    digest = hashlib.sha256()
    for name, file in _list_files(spec.submodule_search_locations, spec.origin):
        digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _list_files(folders: Iterable[str] | None, origin: str | None) -> list[tuple[str, Path]]:
    if folders is None:
        return [] if origin is None else [(Path(origin).name, Path(origin))]
    return sorted(
        (file.relative_to(folder).as_posix(), file)
        for folder in map(Path, folders)
        for file in folder.rglob("*.py")
    )


def _describe(point: EntryPoint) -> str:
    owner = f" of {point.dist.name}" if point.dist is not None else ""
    return f"The entry point {shorten(point.name)} = {shorten(point.value)}{owner}"
