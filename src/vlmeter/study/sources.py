"""Checks the sources on this disk, and digests what they hold.

Done when the workflow is read, so that a mistake ends it before any job starts and an edited file
is noticed. Uses no network.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.machine import devices
from vlmeter.study.study import Study

_PICTURES = frozenset({".jpeg", ".jpg", ".png", ".webp"})
"""Always compressed: what differs in them differs in its length or at its end."""
_PICTURE_PART_BYTES = 1 << 12
_WHOLE_BYTES = 16 << 20
_PART_BYTES = 1 << 16
_PARTS = 64


def digest_content(path: Path) -> str | None:
    """Return a digest of a file, or of all files in a folder; None where there is nothing.

    A file of up to 16 MiB is read whole, 64 parts and the size of a larger one, both ends and the
    size of a picture: enough to notice other weights, another table or another picture without
    reading gigabytes each time. Hidden files do not count.
    """
    if not path.exists():
        return None
    files = sorted(path.rglob("*"), key=_encode_parts) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        below = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in below.parts):
            digest.update(os.fsencode(below) + b"\0")
            _add_content(digest, file)
    return digest.hexdigest()[:16]


def _encode_parts(path: Path) -> list[bytes]:
    """Return a path's names as bytes, whose order is the same in each locale."""
    return list(map(os.fsencode, path.parts))


def _add_content(digest: "hashlib._Hash", path: Path) -> None:
    size = path.stat().st_size
    digest.update(f"{size}\0".encode())
    is_picture = path.suffix.lower() in _PICTURES
    parts, part_bytes = (2, _PICTURE_PART_BYTES) if is_picture else (_PARTS, _PART_BYTES)
    with path.open("rb") as file:
        if size <= (2 * part_bytes if is_picture else _WHOLE_BYTES):
            digest.update(file.read())
            return
        for part in range(parts):
            file.seek(part * (size - part_bytes) // (parts - 1))
            digest.update(file.read(part_bytes))


def check_sources(study: Study, file: str) -> None:
    """Check that the local sources which no job has read yet exist and have their columns.

    Args:
        study: The study.
        file: Its config file, which the messages name.

    Raises:
        UserError: one sentence per mistake, each with the file and the key.
    """
    problems = [*_find_dataset_problems(study), *_find_model_problems(study)]
    if problems:
        raise UserError("\n".join(f"{file}: {problem}" for problem in problems))


def _find_dataset_problems(study: Study) -> Iterator[str]:
    for name in sorted({cell.dataset for cell in (*study.cells, *study.layer_cells)}):
        job = study.dataset_job(name)
        if job.source.path is None or study.folder.dataset(name).manifest.exists():
            continue
        # Arrow takes a third of a second, and a study that has its data needs none here.
        from vlmeter.data.source import check_source  # noqa: PLC0415

        try:
            check_source(job.source, job.columns)
        except UserError as error:
            yield f"datasets.{name}: {error}"


def _find_model_problems(study: Study) -> Iterator[str]:
    cells = (*study.cells, *study.layer_cells)
    stored = {
        (cell.axes.model, cell.axes.dtype)
        for cell in cells
        if devices.is_present(cell.axes.device, study.gpus(cell))
    }
    missing = {
        model for model, dtype in stored if not study.folder.model_manifest(model, dtype).exists()
    }
    for name in sorted(missing):
        path = study.config.models[name].source.path
        if path is not None and not (Path(path) / "config.json").is_file():
            yield f"models.{name}.source.path: {path} is no folder with a config.json."
