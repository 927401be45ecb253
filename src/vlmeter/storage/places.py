"""Which place in its study a file is of, where its job leaves its note, and how it comes back."""

import json
from pathlib import Path, PurePath

from vlmeter.errors import Sentence, UserError, shorten

_OWNERS = frozenset({"cells", "control", "data", "figures", "layers", "models", "shards"})
"""The folders of a study below which files of one kind are of many cells, data sets or models."""
ARCHIVE = "archive.json"
"""In the folder of an imported study: what its archive held and left out."""
_MACHINE = frozenset({"machine.json", "machine.noted"})
_SCORED = frozenset({"record.json", "scores.parquet"})
_MEASURED = frozenset({"control", "data", "layers", "models", "shards"})


def name_place(path: Path) -> str:
    """Return the path of a file below its study's folder, which may move; else its name."""
    parts = path.parts
    tops = [place for place, part in enumerate(parts[:-1]) if part in _OWNERS]
    return "/".join(parts[tops[-1] if tops else -1 :])


def check_place(path: Path, place: object) -> None:
    """Check that a file lies at the place that it states, if it states one.

    Raises:
        UserError: it is a copy of another's.
    """
    if place is not None and not f"{path.absolute()}".endswith(f"/{place}"):
        raise UserError(f"{path} is that of {shorten(place, 160)}: {say_remedy(path)}.")


def say_remedy(path: Path, here: str = "delete it and run again") -> Sentence:
    """Say how a file that cannot be used comes back.

    Args:
        path: The file.
        here: How it is made again where that can be done: in a study that was imported without
            images or weights, what was measured cannot.
    """
    root = next((parent for parent in path.parents if (parent / ARCHIVE).exists()), None)
    if root is None or not is_measured(path.relative_to(root)) or not _lacks_sources(root):
        return Sentence(here)
    return Sentence(f"import the archive of {root} once more, into a new folder")


def is_measured(name: PurePath) -> bool:
    """Say whether a file comes from measuring or its sources, and is no result of other files.

    Args:
        name: Its path below the folder of its study.
    """
    match name.parts:
        case ("cells", _, _, file):
            return file not in _SCORED
        case (file,):
            return file == ARCHIVE or file in _MACHINE
    return name.parts[0] in _MEASURED


def _lacks_sources(root: Path) -> bool:
    """Say whether an imported study lacks images or weights, or nobody can say what it lacks."""
    try:
        manifest = json.loads((root / ARCHIVE).read_bytes())
    except (OSError, ValueError):
        return True
    return not isinstance(manifest, dict) or bool(manifest.get("left_out"))


def get_note(root: Path, kind: str, owner: str, name: str) -> Path:
    """Return the note of a job: of its last try, or of what it made its outputs for.

    Args:
        root: The folder of the study.
        kind: What the job makes.
        owner: The data set or model that it is of.
        name: Its own among those.
    """
    return root.joinpath("attempts", kind, owner, f"{name}.json")


def find_note(path: Path) -> Path | None:
    """Return the note of the job that makes a file of a cell, a data set or a model.

    None where no job leaves a note of it.
    """
    place = name_place(path).split("/")
    root = path.parents[len(place) - 1]
    match place:
        case ["cells", dataset, cell, _] | ["shards", dataset, cell, "costs.json"]:
            return get_note(root, "cells", dataset, cell)
        case ["shards", dataset, cell, shard]:
            return get_note(root, "shards", dataset, f"{cell}.{Path(shard).stem}")
        case ["layers", dataset, profile]:
            return get_note(root, "layers", dataset, Path(profile).stem)
        case ["control", _]:
            # Those of earlier bases are left.
            notes = list(root.glob("attempts/control/*/*.json"))
            return notes[0] if len(notes) == 1 else None
        case ["data", dataset, "samples.json"]:
            return get_note(root, "samples", dataset, "samples")
        case ["data", dataset, size, _]:
            return get_note(root, "images", dataset, size)
        case ["models", manifest]:
            model, _, dtype = Path(manifest).stem.rpartition("-")
            return get_note(root, "models", model, dtype)
    return None
