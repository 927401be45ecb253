"""What a test runs, by its syntax: its helpers and fixtures, and the modules that it imports."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src"
MODULE = re.compile(r"from (vlmeter[\w.]*) import (\w+)|\b(vlmeter(?:\.\w+)+)")


class File(NamedTuple):
    """What a Python file of the tests defines and imports, by name."""

    definitions: dict[str, ast.AST]
    imports: dict[str, str]


@cache
def read_file(path: Path) -> File:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definitions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            definitions |= {each.id: node for each in node.targets if isinstance(each, ast.Name)}
    imports = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imports |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            imports |= {a.asname or a.name.partition(".")[0]: a.name for a in node.names}
    return File(definitions, imports)


@cache
def list_names(node: ast.AST) -> tuple[str, ...]:
    """Return the names that a piece of code uses, its fixtures among them."""
    names: dict[str, None] = {}
    nodes = list(ast.walk(node))
    asks = any(isinstance(it, ast.Attribute) and it.attr == "getfixturevalue" for it in nodes)
    for each in nodes:
        if isinstance(each, ast.Name):
            names[each.id] = None
        elif isinstance(each, ast.arg):
            names[each.arg] = None
        elif asks and isinstance(each, ast.Constant) and isinstance(each.value, str):
            # A fixture that is asked for by its name.
            names[each.value] = None
    return tuple(names)


@cache
def write_code(node: ast.AST) -> str:
    """Return a piece of code as text."""
    return ast.unparse(node)


@cache
def list_named_modules(node: ast.AST) -> tuple[str, ...]:
    """Return the package's modules that a piece of code names, in texts of code too."""
    # Code that runs in a Python of its own is a text here.
    return tuple(
        whole or f"{package}.{attribute}"
        for package, attribute, whole in MODULE.findall(write_code(node))
    )


@cache
def find_support(module: str) -> Path | None:
    """Return the file of a module that tests share."""
    file = (TESTS / "support").joinpath(*module.split(".")).with_suffix(".py")
    return file if file.exists() else None


@cache
def list_conftests(path: Path) -> tuple[Path, ...]:
    """Return the files of fixtures that a file of tests has at hand."""
    folders = [folder for folder in path.parents if folder.is_relative_to(TESTS)]
    files = [folder / "conftest.py" for folder in folders]
    return tuple(file for file in files if file.exists() and file != path)


def list_reached(path: Path, name: str, seen: set[tuple[Path, str]]) -> Iterator[ast.AST | str]:
    """Yield the code that a test runs within the tests, and the package's modules that it names."""
    if (path, name) in seen:
        return
    seen.add((path, name))
    file = read_file(path)
    if name in file.definitions:
        node = file.definitions[name]
        yield node
        yield from list_named_modules(node)
        for used in list_names(node):
            yield from list_reached(path, used, seen)
    elif name in file.imports:
        module, _, attribute = file.imports[name].rpartition(".")
        if file.imports[name].startswith("vlmeter"):
            yield file.imports[name]
        elif support := find_support(module or attribute):
            yield from list_reached(support, attribute, seen)
    else:
        for conftest in list_conftests(path):
            yield from list_reached(conftest, name, seen)


@cache
def find_module(name: str) -> str | None:
    """Return the package's module that a dotted name is, or is of."""
    parts = name.split(".")
    while parts and not SOURCE.joinpath(*parts).with_suffix(".py").exists():
        parts.pop()
    return ".".join(parts) or None


@cache
def list_imports(module: str) -> frozenset[str]:
    """Return the package's modules that a module imports."""
    imports = read_file(SOURCE.joinpath(*module.split(".")).with_suffix(".py")).imports.values()
    modules = map(find_module, (name for name in imports if name.startswith("vlmeter")))
    return frozenset(filter(None, modules))


def list_imported(names: set[str]) -> set[str]:
    """Return the package's modules that are imported where these are, directly or not."""
    modules: set[str] = set()
    waiting = set(filter(None, map(find_module, names)))
    while waiting:
        modules |= waiting
        waiting = {name for module in waiting for name in list_imports(module)} - modules
    return modules
