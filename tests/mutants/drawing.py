"""Draws mutants of the package by a seed."""

import difflib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import libcst
from libcst import matchers
from mutmut.mutation.file_mutation import Mutation, create_mutations

PACKAGE = Path("src/vlmeter")


@dataclass(frozen=True)
class Mutant:
    """A file of the package with one change.

    Args:
        file: Its path in the repository.
        function: The function or method that is changed, or nothing outside of one.
        code: The whole file with the change.
        before: The lines that the change replaces, without their indentation.
        after: What stands there instead.
    """

    file: Path
    function: str
    code: str
    before: str
    after: str

    @property
    def row(self) -> str:
        """The beginning of its row in a Markdown table, which names it."""
        place = f"{self.file.relative_to(PACKAGE)} {self.function}".strip()
        cells = (place, self.before, self.after)
        return "| " + " | ".join(f"`{cell}`".replace("|", "\\|") for cell in cells) + " |"


def draw_mutants(files: Sequence[Path], count: int, seed: int) -> Iterator[Mutant]:
    """Draw mutants: each time a file by its length, and one of the changes of it that can be made.

    Fewer are drawn with the same seed by drawing the first of more.
    """
    dice = random.Random(seed)
    weights = [len(file.read_text().splitlines()) for file in files]
    drawn: set[tuple[Path, int]] = set()
    # Where there are fewer than asked for, drawing ends: nearly all have been drawn by then.
    for _ in range(20 * count):
        (file,) = dice.choices(files, weights)
        place = dice.random()
        module, changes = _changes(file)
        number = int(place * len(changes))
        if changes and (file, number) not in drawn:
            drawn.add((file, number))
            yield _mutant(file, module, changes[number])
        if len(drawn) == count:
            return


@cache
def _changes(file: Path) -> tuple[libcst.Module, list[Mutation]]:
    module, mutations, _, _ = create_mutations(str(file), file.read_text(encoding="utf-8"))
    types = {
        inner
        for subscript in matchers.findall(module, matchers.Subscript(matchers.Name("Literal")))
        for inner in matchers.findall(subscript, matchers.SimpleString())
    }
    return module, [
        mutation
        for mutation in mutations
        if not _is_wording(mutation.original_node)
        and mutation.original_node not in types
        and not (mutation.contained_by_top_level_function is None and _is_alias(mutation))
    ]


def _is_alias(mutation: Mutation) -> bool:
    """Say whether a change is of a type's other name, which only annotations use."""
    node = mutation.original_node
    return matchers.matches(node, matchers.Assign(value=matchers.Subscript(matchers.Name())))


def _is_wording(node: libcst.CSTNode) -> bool:
    """Say whether a change is of what a sentence says, which is no fault of the code."""
    return isinstance(node, libcst.SimpleString) and " " in node.value.strip()


def _mutant(file: Path, module: libcst.Module, mutation: Mutation) -> Mutant:
    changed = module.deep_replace(mutation.original_node, mutation.mutated_node)
    assert isinstance(changed, libcst.Module)
    lines = list(difflib.ndiff(module.code.splitlines(), changed.code.splitlines()))
    before, after = (
        " ".join(line[2:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    function = mutation.contained_by_top_level_function
    name = function.name.value if isinstance(function, libcst.FunctionDef) else ""
    return Mutant(file, name, changed.code, before, after)
