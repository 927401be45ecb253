"""A source file as the digest of the code sees it: what it does, without what it is called.

- **Texts.** Comments, layout and docstrings do not count.
- **Names of modules.** The digest of an imported file stands in the place of the import that names
  it, and in every `devices.x` after `from vlmeter.machine import devices`. The order of
  neighbouring imports does not count.
- **Sentences.** An exception carries a sentence for people. Its words do not count where all of
  this holds: they are the only argument; it is of an exception class of this package, of
  `Sentence`, or of one of the built-in exceptions in `_SPEAKING`; the text has white space, as no
  key, attribute or mode has. What is said *in* the sentence, the values of an f-string, counts.
  All other strings count. The other side of the rule: no code may decide by such words.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TypeGuard

_PACKAGE = "vlmeter"
_SOURCE = Path(__file__).parent
_CARRIED = _SOURCE.resolve() / "checkout"
CHECKOUT = _CARRIED if _CARRIED.is_dir() else _SOURCE.resolve().parents[1]
"""The folder with the `Snakefile`, `report/` and `workflow/`: a wheel carries them (`setup.py`)."""
_SENTENCE = "Sentence"
_SPEAKING = frozenset(
    {"AssertionError", "ImportError", "NotImplementedError", "RuntimeError", "TypeError"}
    | {"ValueError"}
)
"""Built-in exceptions that carry a sentence, where others carry a key, a name or a number."""


@dataclass(frozen=True)
class _Import:
    """One name of this package that an import statement binds."""

    module: str
    """The module of the package that is named."""
    attribute: str | None
    """What is taken from it; None for the module itself."""
    bound: str
    """The name in the importing file; dotted for `import vlmeter.x`."""


@cache
def module_file(module: str) -> Path | None:
    """Return the file of a module or package of this package; None where there is none."""
    below = _SOURCE.joinpath(*module.split(".")[1:])
    for candidate in (below / "__init__.py", below.with_name(f"{below.name}.py")):
        if candidate.is_file():
            return candidate
    return None


def is_own(module: str) -> bool:
    """Say whether there is such a module in this package."""
    return module.split(".", maxsplit=1)[0] == _PACKAGE and module_file(module) is not None


class SourceFile:
    """A source file as its digest sees it."""

    def __init__(self, path: Path, package: str) -> None:
        """Parse the file; `package` is where its relative imports begin."""
        # Bytes: Python itself decides how they are decoded, whatever the locale.
        self._tree = ast.parse(path.read_bytes())
        self._package = package.split(".")
        self._imports: dict[ast.stmt, list[_Import]] = {}
        self._bound: set[str] = set()
        self._sentences = set(_SPEAKING)
        for node in ast.walk(self._tree):
            self._note(node)
        self.modules = frozenset(each.module for each in self._each_import())
        """The modules of the package that the file names, inside functions too."""
        self._sentences -= self._bound & _SPEAKING
        self._aliases = self._module_names()

    @property
    def is_empty(self) -> bool:
        """Whether the file does nothing: it holds texts at most."""
        return all(map(_is_text, self._tree.body))

    def text(self, digests: Mapping[str, str]) -> str:
        """Return what the file does, with the digests of modules for their names."""
        return self._write(self._tree, digests)

    def _each_import(self) -> Iterator[_Import]:
        for imports in self._imports.values():
            yield from imports

    def _note(self, node: ast.AST) -> None:
        """Note what a node imports of this package, and which other names it binds."""
        match node:
            case ast.Name(id=name):
                if not isinstance(node.ctx, ast.Load):
                    self._bound.add(name)
                    self._sentences |= {name} & {_SENTENCE}
            case ast.arg(arg=name):
                self._bound.add(name)
            case ast.ClassDef(name=name):
                self._bound.add(name)
                if _is_sentence_like(name):
                    self._sentences.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._bound.add(name)
            case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
                self._bound.add(name or "")
            case ast.MatchMapping(rest=name):
                self._bound.add(name or "")
            case ast.Import() | ast.ImportFrom():
                self._note_import(node)

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        own = list(self._own_imports(node))
        if own:
            self._imports[node] = own
        modules = {each.bound for each in own if each.attribute is None}
        names = {alias.asname or alias.name for alias in node.names}
        self._bound |= {name.split(".")[0] for name in names - modules}
        self._sentences |= {each.bound for each in own if _is_sentence_like(each.attribute or "")}

    def _own_imports(self, node: ast.Import | ast.ImportFrom) -> Iterator[_Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_own(alias.name):
                    yield _Import(alias.name, None, alias.asname or alias.name)
            return
        base = node.module or ""
        if node.level:
            above = self._package[: len(self._package) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        for alias in node.names:
            bound = alias.asname or alias.name
            # `from vlmeter.data import samples` imports a module, not a name of the package.
            if is_own(f"{base}.{alias.name}"):
                yield _Import(f"{base}.{alias.name}", None, bound)
            elif is_own(base):
                yield _Import(base, alias.name, bound)

    def _module_names(self) -> dict[str, str]:
        """Return the names that always mean one module, with this module.

        A name that means something else anywhere in the file stays a name: then a rename is seen
        where none was needed, and no change is missed.
        """
        meant = defaultdict(set)
        for each in self._each_import():
            if each.attribute is None and each.bound.split(".")[0] not in self._bound:
                meant[each.bound].add(each.module)
        return {name: modules.pop() for name, modules in meant.items() if len(modules) == 1}

    def _write(self, value: object, digests: Mapping[str, str]) -> str:
        # The common ones first: this writes each node of a hundred files when a workflow is read.
        if isinstance(value, list):
            if value and isinstance(value[0], ast.stmt):
                return f"[{';'.join(self._statements(value, digests))}]"
            return f"[{','.join([self._write(each, digests) for each in value])}]"
        if not isinstance(value, ast.AST):
            return repr(value)
        if isinstance(value, ast.Name | ast.Attribute):
            module = self._aliases.get(_dotted(value)) if self._aliases else None
            if module is not None:
                return f"<{digests[module]}>"
            if isinstance(value, ast.Name):
                return f"Name({value.id})"
        elif isinstance(value, ast.Constant):
            # Not as a field is: `{None: x}` is no `{**x}`.
            return f"={value.value!r}"
        elif isinstance(value, ast.Call) and (said := self._said(value)) is not None:
            values = sorted({self._write(each, digests) for each in said})
            return f"Sentence({self._write(value.func, digests)},{values})"
        fields = [
            self._write(getattr(value, field, None), digests)
            for field in value._fields
            if field != "ctx"
        ]
        return f"{type(value).__name__}({','.join(fields)})"

    def _statements(self, body: list[ast.stmt], digests: Mapping[str, str]) -> Iterator[str]:
        counted = (each for each in body if not _is_text(each))
        for imports, run in groupby(counted, key=lambda each: each in self._imports):
            if imports:
                yield self._import_run(run, digests)
            else:
                yield from (self._write(each, digests) for each in run)

    def _import_run(self, run: Iterable[ast.stmt], digests: Mapping[str, str]) -> str:
        """Write neighbouring imports of this package, whose order follows from names alone."""
        written = set()
        for statement in run:
            for each in self._imports[statement]:
                bound = "" if each.bound in self._aliases else each.bound
                written.add(f"<{digests[each.module]}>.{each.attribute or ''} as {bound}")
            own = {each.bound for each in self._imports[statement]}
            assert isinstance(statement, ast.Import | ast.ImportFrom)
            for alias in statement.names:
                if (alias.asname or alias.name) not in own:
                    written.add(f"{alias.name} as {alias.asname}")
        return f"imports({sorted(written)})"

    def _said(self, call: ast.Call) -> list[ast.expr] | None:
        """Return the values in a sentence for people; None where a call is given anything else."""
        if not isinstance(call.func, ast.Name) or call.func.id not in self._sentences:
            return None
        if len(call.args) != 1 or call.keywords:
            return None
        parts = list(_parts(call.args[0]))
        words = "".join(str(part.value) for part in parts if _is_words(part))
        if not any(map(str.isspace, words)):
            return None
        return [part for part in parts if not _is_words(part)]


def _is_sentence_like(name: str) -> bool:
    return name == _SENTENCE or name.endswith("Error")


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    base = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{base}.{node.attr}" if base and isinstance(node, ast.Attribute) else ""


def _parts(text: ast.expr) -> Iterator[ast.expr]:
    """Yield what a text is joined of: words and values."""
    if isinstance(text, ast.JoinedStr):
        yield from text.values
    elif isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add):
        yield from (*_parts(text.left), *_parts(text.right))
    else:
        yield text


def _is_words(part: ast.expr) -> TypeGuard[ast.Constant]:
    return isinstance(part, ast.Constant) and isinstance(part.value, str)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and _is_words(statement.value)
