"""Which place in its study a file is of, and where the job that makes it leaves its note."""

from pathlib import Path

from vlmeter.errors import UserError, shorten

_OWNERS = frozenset({"cells", "control", "data", "figures", "layers", "models", "shards"})
"""The folders of a study below which files of one kind are of many cells, data sets or models."""


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
        raise UserError(f"{path} is that of {shorten(place, 160)}: delete it and run again.")


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
