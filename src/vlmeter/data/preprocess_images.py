"""Converts images to one form: RGB, upright, of a given size, stored without loss."""

import io
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from vlmeter.data.manifests import ImagesManifest, UnusableSample, read_samples_manifest
from vlmeter.data.pixels import decode_rgb, resize_rgb
from vlmeter.data.samples import IMAGES
from vlmeter.errors import UserError, shorten
from vlmeter.storage.files import check_whole, file_sha256, write_placed_json
from vlmeter.storage.parquet import count_rows, stream_table, write_table

_LOG = logging.getLogger(__name__)
_QUEUED_PER_CORE = 4
"""Images that are read before the first of them is written."""


def preprocess_images(
    samples_manifest: Path,
    image_size: int,
    images: Path,
    manifest: Path,
    *,
    keeps_aspect_ratio: bool = False,
    key: str | None = None,
) -> None:
    """Write a data set's images as PNG files of `image_size` x `image_size` pixels, or of no more.

    An image that cannot be decoded is left out; the log and the manifest give its id and why.

    Args:
        samples_manifest: The manifest of `samples.parquet`, which is beside it.
        image_size: Side of the images in pixels.
        images: The table to write.
        manifest: Its manifest, which is written after it.
        keeps_aspect_ratio: Keep the form of each image, and make it smaller only where it has more
            pixels than the square.
        key: Digest of what the job depends on.

    Raises:
        UserError: no image can be decoded.
    """
    source = read_samples_manifest(samples_manifest)
    samples = samples_manifest.with_suffix(".parquet")
    check_whole(samples, source.sha256, remake=samples_manifest)
    bad: list[UnusableSample] = []
    convert = partial(
        encode_resized_png, image_size=image_size, keeps_aspect_ratio=keeps_aspect_ratio
    )
    write_table(images, _build_rows(samples, convert, bad), IMAGES)
    described = ImagesManifest(
        dataset=source.dataset,
        image_size=image_size,
        samples_sha256=source.sha256,
        n=count_rows(images),
        bad_samples=[*source.bad_samples, *bad],
        sha256=file_sha256(images),
        keeps_aspect_ratio=keeps_aspect_ratio,
    )
    write_placed_json(manifest, asdict(described), key)


def _build_rows(
    samples: Path, convert: Callable[[bytes], bytes], bad: list[UnusableSample]
) -> Iterator[dict[str, object]]:
    """Yield the rows of the images' table; append the samples that cannot be decoded to `bad`."""
    count = count_rows(samples)
    stored = (_StoredImage(**row) for row in stream_table(samples, _StoredImage._fields))
    converted = _convert_images(stored, convert)
    for source, image in tqdm(converted, total=count, desc="images", unit="image"):
        if isinstance(image, bytes):
            width, height = Image.open(io.BytesIO(image)).size
            yield {"id": source.id, "image": image, "width": width, "height": height}
        else:
            reason = f"{shorten(source.file or 'its image')} {image}"
            _LOG.warning("sample %s: %s; it is left out", shorten(source.id), reason)
            bad.append(UnusableSample(source.id, reason))
    if len(bad) == count:
        raise UserError(f"{samples}: no image can be decoded; the first: {bad[0].reason}.")


class _StoredImage(NamedTuple):
    """What of a sample its image is made from."""

    id: str
    image: bytes
    file: str | None


def _convert_images(
    stored: Iterable[_StoredImage], convert: Callable[[bytes], bytes]
) -> Iterator[tuple[_StoredImage, bytes | str]]:
    """Yield the images in order, each with its PNG or the reason why there is none."""

    def try_to_convert(data: bytes) -> bytes | str:
        try:
            return convert(data)
        except UnidentifiedImageError:
            # Pillow's message has an address in memory, which differs in every run.
            return "cannot be decoded (no known image format)"
        except Exception as error:
            # On damaged bytes each decoder raises exceptions of its own.
            return f"cannot be decoded ({shorten(error, 200)})"

    cores = os.cpu_count() or 1
    # Pillow releases the GIL while it decodes and resizes, so threads use all cores.
    with ThreadPoolExecutor(cores) as pool:
        queue: deque[tuple[_StoredImage, Future[bytes | str]]] = deque()
        for source in stored:
            queue.append((source, pool.submit(try_to_convert, source.image)))
            if len(queue) > _QUEUED_PER_CORE * cores:
                first, image = queue.popleft()
                yield first, image.result()
        for queued, image in queue:
            yield queued, image.result()


def encode_resized_png(data: bytes, image_size: int, *, keeps_aspect_ratio: bool = False) -> bytes:
    """Return an encoded image as a PNG of `image_size` x `image_size`, RGB, EXIF applied.

    Where the aspect ratio is kept, the PNG has no more pixels than that, and none is added.

    Raises:
        OSError: the data is no image, or is cut short.
        ValueError: the image has too many pixels to be decoded safely.
    """
    rgb = resize_rgb(decode_rgb(data), image_size, keeps_aspect_ratio=keeps_aspect_ratio)
    out = io.BytesIO()
    rgb.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def encode_thumbnail_jpeg(data: bytes, side: int) -> bytes:
    """Return an encoded image as a small JPEG that fits into `side` x `side`, EXIF applied.

    Raises:
        OSError: the data is no image, or is cut short.
        ValueError: the image has too many pixels to be decoded safely.
    """
    small = decode_rgb(data)
    small.thumbnail((side, side), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    small.save(out, format="JPEG", quality=80)
    return out.getvalue()
