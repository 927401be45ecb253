"""Texts that look equal are equal: both sides of a comparison are in Unicode's composed form.

Names too: a column or a file that one system writes composed another may write decomposed.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from vlmeter.errors import UserError, shorten

ListNames = Callable[[Path], Sequence[str]]
"""Returns the names in a folder."""


def compose(text: str) -> str:
    """Return a text in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", text)


def find_name(name: str, names: Iterable[str], where: object) -> str | None:
    """Return a name as it is written among others, in whichever form; None where it is missing.

    Args:
        name: The name that is looked for.
        names: Those that there are.
        where: What has them, for the sentence.

    Raises:
        UserError: several of them differ from it in their form alone.
    """
    wanted = compose(name)
    equal = [each for each in dict.fromkeys(names) if compose(each) == wanted]
    if len(equal) > 1:
        raise refuse_twins(where, wanted)
    return equal[0] if equal else None


def check_distinct(names: Iterable[str], where: object) -> None:
    """Check that no two names differ in their form alone.

    Raises:
        UserError: two do.
    """
    counts = Counter(map(compose, names))
    twin = next((name for name, count in counts.items() if count > 1), None)
    if twin is not None:
        raise refuse_twins(where, twin)


def refuse_twins(where: object, name: str) -> UserError:
    """Return the refusal of several names that differ in their form alone."""
    return UserError(
        f'{where}: two names there are "{shorten(name)}" in Unicode\'s composed form (NFC); '
        "rename one of them."
    )


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder; none where it cannot be listed."""
    try:
        return [entry.name for entry in folder.iterdir()]
    except (OSError, ValueError):
        return []


def find_path(path: Path, list_names: ListNames = list_names) -> Path:
    """Return a path as the disk writes it, in whichever form; as it is where nothing is there.

    Args:
        path: The path that is looked for.
        list_names: Lists a folder; a cached form of `list_names` for many paths.

    Raises:
        UserError: a folder has several names that differ from the path's in their form alone.
    """
    place = Path(path.anchor)
    for part in path.relative_to(place).parts if path.anchor else path.parts:
        # What is plain ASCII is written in one way, but for a few lookalikes of its letters.
        if part == os.pardir or (part.isascii() and (place / part).exists()):
            place /= part
        else:
            place /= find_name(part, list_names(place), place) or part
    return place
