"""A digest of what code does, by which Snakemake notices a changed module that a script imports.

A rule's params hold the digest of its script. It covers every module of the package that the
script reaches, and of each what `source_file` sees. Since the digest of an imported file stands in
the place of its name, a change of what the file does reaches all that import it, and a move or a
rename with its importers edited reaches none: a refactoring must not measure a GPU study again.
Packages whose `__init__` does nothing do not count, and modules that import each other in a circle
get their digests together.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from vlmeter.source_file import CHECKOUT, SourceFile, is_own, module_file

SCRIPTS = CHECKOUT / "workflow/scripts"
_AROUND = frozenset({"vlmeter.scripting"})
"""What surrounds the one call of every script alike: no part of what its job does."""


def _packages_of(module: str) -> Iterator[str]:
    """Yield the packages on the way to a module: they are imported before it."""
    parts = module.split(".")
    for length in range(1, len(parts)):
        yield ".".join(parts[:length])


@cache
def _file(module: str) -> SourceFile:
    path = module_file(module)
    if path is None:
        raise ImportError(f"no module {module} to digest")
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return SourceFile(path, package)


@cache
def _reached(module: str) -> frozenset[str]:
    """Return every module that importing `module` can import, itself among them."""
    waiting = [module]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_file(name).modules)
            waiting.extend(filter(is_own, _packages_of(name)))
    return frozenset(reached)


def import_closure(module: str) -> dict[str, Path]:
    """Return every module of the package that importing `module` can import, with its file.

    Imports inside functions count too. A module that is named only in a string does not: keep
    those in a table of the package, and import them there.
    """
    files = {name: module_file(name) for name in sorted(_reached(module))}
    return {name: file for name, file in files.items() if file is not None}


@cache
def _circle(module: str) -> frozenset[str]:
    """Return the modules that import `module` and are imported by it, itself among them."""
    return frozenset(name for name in _reached(module) if module in _reached(name))


@cache
def _digests(circle: frozenset[str]) -> Mapping[str, str]:
    """Return the digests of modules that import each other; a module without a circle is alone.

    None of them has a digest before the others have. So all begin with the same one, and in each
    round a module's is made anew with those of the round before: after as many rounds as there
    are modules, each has reached every other.
    """
    beyond = {name for module in circle for name in _before(module) | _file(module).modules}
    outside = {name: source_digest(name) for name in beyond - circle}
    inside = dict.fromkeys(circle, "")
    for _ in circle:
        inside = {module: _digest(module, {**outside, **inside}) for module in circle}
    return inside


def _before(module: str) -> set[str]:
    """Return the packages on the way to a module that do something when they are imported."""
    return {name for name in _packages_of(module) if is_own(name) and not _file(name).is_empty}


def _digest(module: str, digests: Mapping[str, str]) -> str:
    packages = sorted({digests[name] for name in _before(module)})
    return _sha256(f"{packages}\0{_file(module).text(digests)}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def source_digest(module: str) -> str:
    """Return a digest of what a module of the package and all that it imports *do*.

    Raises:
        ImportError: there is no such module.
    """
    return _digests(_circle(module))[module]


@cache
def list_reached(script: str) -> frozenset[str]:
    """Return every module of the package that a script of the workflow can import."""
    file = SourceFile(SCRIPTS / f"{script}.py", "")
    return frozenset(module for name in file.modules for module in _reached(name))


@cache
def script_digest(script: str) -> str:
    """Return a digest of what a script of the workflow does.

    Args:
        script: Its name in `workflow/scripts`, without an ending.
    """
    file = SourceFile(SCRIPTS / f"{script}.py", "")
    return _sha256(
        file.text({name: "" if name in _AROUND else source_digest(name) for name in file.modules})
    )
