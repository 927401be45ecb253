"""Files that are either whole or absent: written to the side, then renamed."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlmeter.errors import UserError

_CHUNK_BYTES = 1 << 20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def no_room(error: BaseException) -> bool:
    """Say whether an error is a full disk, a used-up quota or a limit on the size of a file."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    # Libraries in other languages pass the system's words on, and no number.
    return any(os.strerror(number) in str(error) for number in _NO_ROOM)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it takes the place of `path`.

    The content reaches the disk before the rename, so that a power cut leaves the old file or
    the new one, never an empty one. On any exception the side file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; results are meant to be read like any other file.
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically, creating parent folders."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically, creating parent folders."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as indented JSON, atomically.

    Raises:
        ValueError: `value` holds NaN or infinity, which JSON cannot hold: say `None` instead.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object from `path`.

    Raises:
        UserError: the file is missing, cut short or holds something else.
    """
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the rule that makes it again.") from None
    except (ValueError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as JSON ({error}): delete it and run again."
        ) from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object: delete it and run again.")
    return value


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def json_digest(value: object) -> str:
    """Return the SHA-256 of a JSON-plain value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
