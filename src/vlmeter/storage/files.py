"""Files that are either whole or absent: written to the side, then renamed."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import xxhash

from vlmeter.errors import Sentence, UserError, one_line
from vlmeter.storage.places import check_place, find_note, name_place, say_remedy

_CHUNK_BYTES = 1 << 20
_CHECKSUM_AT_END = re.compile(r'"checksum": "([0-9a-f]{64})"\n}\n\Z')
"""The end of a JSON file as `write_json` leaves it."""
_KEY_AT_END = re.compile(rb'"made_for": "([0-9a-f]{64})",\n  "place": "[^\n]*",\n  "checksum"')
_END_BYTES = 1 << 12
_ASIDE = ".part"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def is_disk_full(error: BaseException) -> bool:
    """Say whether an error is a full disk, a used-up quota or a limit on the size of a file."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    # Libraries in other languages pass on the system's message and no number.
    return any(os.strerror(number) in str(error) for number in _NO_ROOM)


def describe_disk_refusal(error: BaseException) -> Sentence | None:
    """Say in a sentence why the disk took no more; None for an error of another kind."""
    if is_disk_full(error):
        return Sentence(
            f"There is no room left on the disk ({one_line(error)}): make some and run again."
        )
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
        return Sentence(
            f"The results cannot be written ({one_line(error)}): make their folder writable and "
            "run again."
        )
    return None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on success it takes the place of `path`.

    The content reaches the disk before the rename, so that a power cut leaves the old file or
    the new one, never an empty one. On any exception the side file is removed; what a killed
    process left beside `path` is removed by the next one that writes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_ASIDE, dir=path.parent)
    aside = Path(name)
    try:
        _try_lock(handle)
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; results are meant to be read like any other file.
        aside.chmod(0o644)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder beside `folder` to fill; on success it takes the place of `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=_ASIDE, dir=folder.parent))
    handle = os.open(aside, os.O_RDONLY)
    try:
        _try_lock(handle)
        yield aside
        shutil.rmtree(folder, ignore_errors=True)
        aside.chmod(0o755)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        os.close(handle)


def _remove_leftovers(path: Path) -> None:
    """Remove what killed processes left beside `path`: whoever still writes holds a lock on it."""
    for left in path.parent.iterdir():
        if not (left.name.startswith(f".{path.name}.") and left.name.endswith(_ASIDE)):
            continue
        with suppress(OSError):
            handle = os.open(left, os.O_RDONLY)
            try:
                if not _try_lock(handle):
                    continue
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink()
            finally:
                os.close(handle)


def _try_lock(handle: int) -> bool:
    """Lock an open file or folder if nobody else has and the file system has locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically, creating parent folders."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically, creating parent folders."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write `value` to `path` as indented JSON with a checksum of it, atomically.

    Raises:
        ValueError: `value` holds NaN or infinity, which JSON cannot hold: say `None` instead.
    """
    write_text(path, format_json(value))


def format_json(value: Mapping[str, object]) -> str:
    """Return a value as `write_json` writes it."""
    without_checksum = {**value, "checksum": ""}
    text = json.dumps(without_checksum, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    open_quote = text.rindex('"\n}')
    return text[:open_quote] + text_sha256(text) + text[open_quote:]


def write_placed_json(path: Path, value: Mapping[str, object], key: str | None = None) -> None:
    """Write a file of a cell, a data set or a model as `write_json` does, with its own place.

    Copied over another's, with all that its checksums are of, it would pass for that one's.

    Args:
        path: The file.
        value: Its content.
        key: Digest of what it is made for, by which a file of another study is noticed.
    """
    made_for = {} if key is None else {"made_for": key}
    write_json(path, {**value, **made_for, "place": name_place(path)})


def read_key(path: Path) -> str | None:
    """Return the key of what a placed file was made for; None where there is none.

    Of the file only the end is read: a large study has thousands.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END_BYTES))
            match = _KEY_AT_END.search(file.read())
    except OSError:
        return None
    return None if match is None else match[1].decode()


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object from `path`; its checksum and its place are not part of it.

    Raises:
        UserError: the file is missing, damaged, a copy of another's, of another study, or holds
            something else.
    """
    value = read_fresh_json(path)
    key = value.pop("made_for", None)
    note = None if key is None else find_note(path)
    if note is not None and _read_noted_key(note) not in (None, key):
        raise UserError(
            f"{path} was made for another study or config than {note} says: {say_remedy(path)}."
        )
    return value


def _read_noted_key(note: Path) -> object:
    try:
        return read_fresh_json(note).get("key")
    except UserError:
        # It is missing or damaged, which costs at most one more try.
        return None


def read_fresh_json(path: Path) -> dict[str, object]:
    """Read as `read_json` does what a job has just written, whose note is not there yet."""
    try:
        # As it is: reading as text would take one end of a line for another.
        text = path.read_bytes().decode()
        value = json.loads(text)
    except FileNotFoundError:
        remedy = say_remedy(path, "run the rule that makes it again")
        raise UserError(f"{path} is missing: {remedy}.") from None
    except (ValueError, OSError) as error:
        raise UserError(
            f"{path} cannot be read as JSON ({one_line(error)}): {say_remedy(path)}."
        ) from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object: {say_remedy(path)}.")
    match = _CHECKSUM_AT_END.search(text)
    if "checksum" in value and (
        match is None or text_sha256(text[: match.start(1)] + text[match.end(1) :]) != match[1]
    ):
        raise damaged(path)
    value.pop("checksum", None)
    check_place(path, value.pop("place", None))
    return value


def damaged(path: Path, remake: Path | None = None) -> UserError:
    """Return the error for a file that is not what was written.

    Args:
        path: The file.
        remake: What to delete so that it is made again, where that is not the file itself.
    """
    return UserError(
        f"{path} is damaged: its checksum is not that of what was written; "
        f"{_say_remedy(path, remake)}."
    )


def _say_remedy(path: Path, remake: Path | None) -> Sentence:
    return say_remedy(path, f"delete {remake or path} and run again")


def check_whole(path: Path, sha256: object, remake: Path | None = None) -> None:
    """Check that a file is what was written, down to its last bit.

    Args:
        path: The file.
        sha256: Its checksum by `file_sha256` when it was written.
        remake: What to delete so that it is made again, where that is not the file itself.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        whole = file_sha256(path) == sha256
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {_say_remedy(path, remake)}.") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({one_line(error)}): {_say_remedy(path, remake)}."
        ) from None
    if not whole:
        raise damaged(path, remake)


def checksums(content: Mapping[str, object]) -> Mapping[str, object]:
    """Return the checksums of the tables beside a JSON file, by their names; they are in it."""
    files = content.get("files")
    return files if isinstance(files, dict) else {}


def check_tables(record: Mapping[str, object], path: Path) -> None:
    """Check that a cell's predictions and scores are what was written.

    Args:
        record: The cell's record.
        path: Its file; the tables lie beside it.

    Raises:
        UserError: one is missing or damaged.
    """
    for name in ("predictions", "scores"):
        if name in checksums(record):
            check_whole(path.with_name(f"{name}.parquet"), checksums(record)[name])


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text as UTF-8 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    return _file_digest(path, hashlib.sha256())


def file_xxh3(path: Path) -> str:
    """Return the XXH3-128 of a file's content in hexadecimal.

    As fast as the file can be read, so that gigabytes of weights are checked before each use. It
    shows damage, not malice.
    """
    return _file_digest(path, xxhash.xxh3_128())


def _file_digest(path: Path, digest: "hashlib._Hash | xxhash.xxh3_128") -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def json_digest(value: object) -> str:
    """Return the SHA-256 of a JSON-plain value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
