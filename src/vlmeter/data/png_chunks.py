"""The chunks of a PNG: its pixels do not depend on what else stands in the file."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_TEXT_BYTES = 1 << 16
_XMP = b"XML:com.adobe.xmp\0\0"
"""How an iTXt begins that holds XMP, uncompressed: it may say the orientation."""


class _Chunk(NamedTuple):
    kind: bytes
    whole: bytes
    """With its length and its checksum."""

    @property
    def is_critical(self) -> bool:
        """Whether no picture can do without it: the first letter is a capital."""
        return self.kind[:1].isupper()

    @property
    def is_intact(self) -> bool:
        """Whether its checksum fits."""
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:])


def drop_metadata(data: bytes) -> bytes:
    """Return a PNG without what decides neither over pixels nor over orientation.

    A text of megabytes or a damaged profile would keep a decoder from whole pixels. Other data is
    returned as it is.
    """
    if not data.startswith(_SIGNATURE):
        return data
    kept = [chunk.whole for chunk in _read_chunks(data) if _is_kept(chunk)]
    return b"".join([_SIGNATURE, *kept])


def _read_chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks; the last may be cut short, which its decoder reports."""
    start = len(_SIGNATURE)
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        yield _Chunk(data[start + 4 : start + 8], data[start:end])
        start = end


def _is_kept(chunk: _Chunk) -> bool:
    is_xmp = chunk.whole[8:].startswith(_XMP) and len(chunk.whole) < _LARGEST_TEXT_BYTES
    needed = chunk.kind in (b"tRNS", b"eXIf") or (chunk.kind == b"iTXt" and is_xmp)
    return chunk.is_critical or (needed and chunk.is_intact)
