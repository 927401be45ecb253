"""Where a result comes from: the code that made it and the software below it.

Snakemake does not notice a changed module that a script imports. A digest of the syntax trees
of exactly the imported modules, given to a rule as a param, makes it notice.
"""

import ast
import hashlib
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGE = "vlmeter"
_SOURCE = Path(__file__).parent


def _module_file(module: str) -> Path | None:
    below = _SOURCE.joinpath(*module.split(".")[1:])
    for candidate in (below / "__init__.py", below.with_name(f"{below.name}.py")):
        if candidate.is_file():
            return candidate
    return None


def _ancestors(module: str) -> Iterator[str]:
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{_PACKAGE} uses absolute imports only: the digest reads those")
            yield node.module or ""
            # `from vlmeter.data import images` imports a module, not a name of the package.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return tree


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


@cache
def _parsed(file: Path) -> tuple[tuple[str, ...], str]:
    """Return the package's modules that a file imports, and its tree without texts."""
    tree = ast.parse(file.read_text())
    names = {
        ancestor
        for name in _imported_names(tree)
        if name.split(".")[0] == _PACKAGE
        for ancestor in _ancestors(name)
    }
    return tuple(sorted(names)), ast.dump(_without_docstrings(tree))


def import_closure(module: str) -> dict[str, Path]:
    """Return every module of the package that importing `module` can import, with its file.

    Imports inside functions count too. A module that is named only in a string does not: keep
    those in a table of the package, and import them there.
    """
    waiting = list(_ancestors(module))
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        file = _module_file(name)
        if name in found or file is None:
            continue
        found[name] = file
        waiting.extend(_parsed(file)[0])
    return dict(sorted(found.items()))


@cache
def source_digest(*modules: str) -> str:
    """Return a digest of what `modules` and all that they import *do*.

    Docstrings, comments and layout do not change it: rewording a sentence must not measure a
    GPU study again.

    Raises:
        ImportError: one of `modules` does not exist.
    """
    digest = hashlib.sha256()
    closure: dict[str, Path] = {}
    for module in modules:
        if _module_file(module) is None:
            raise ImportError(f"no module {module} to digest")
        closure |= import_closure(module)
    for name, file in sorted(closure.items()):
        digest.update(f"{name}\0{_parsed(file)[1]}\0".encode())
    return digest.hexdigest()[:16]


@cache
def software_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of `packages`, read without importing them."""
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def git_state() -> dict[str, Any] | None:
    """Return the commit of the working directory and whether it has changes; None without git."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str | None:
    try:
        # Fixed words and no shell; which git is on the path is the user's choice.
        done = subprocess.run(  # nosec B603 B607
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
