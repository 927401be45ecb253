"""Converts images to one form: RGB, upright, of a given size, stored without loss."""

import io
import logging
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from vlmeter.data.manifests import ImagesManifest, UnusableSample, read_samples_manifest
from vlmeter.data.png_chunks import drop_metadata
from vlmeter.data.samples import IMAGES, Size
from vlmeter.errors import UserError, shorten
from vlmeter.storage.files import check_whole, file_sha256, write_placed_json
from vlmeter.storage.parquet import count_rows, stream_table, write_table

_LOG = logging.getLogger(__name__)
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats of pixels only: for an EPS, which is a program, Pillow would start Ghostscript."""
_BITS_PER_SAMPLE = 258
"""TIFF's number for the bits of a value (TIFF 6.0, section 8)."""
_LARGE_PIXELS = 10_000_000
_LARGE_IMAGE_LOCK = Lock()
"""Held while a large image is decoded: one on each core at once would take gigabytes."""
_MAX_PIXELS = 100_000_000
"""A larger image is refused before decoding: a small file can expand to gigabytes."""
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
    with _open_image(data) as image:
        rgb = _convert_to_rgb(image)
    size = (image_size, image_size)
    if keeps_aspect_ratio:
        size = _fit_area(rgb.size, image_size**2)
    if rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    rgb.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _fit_area(size: Size, most_pixels: int) -> Size:
    """Return the largest size of the same form that has no more pixels and is not enlarged."""
    width, height = size
    if width * height <= most_pixels:
        return size
    short, long = sorted(size)
    less = max(1, math.isqrt(most_pixels * short // long))
    # A side of one pixel cannot shrink: the other gives way.
    more = min(math.isqrt(most_pixels * long // short), most_pixels // less)
    return (more, less) if width >= height else (less, more)


def encode_thumbnail_jpeg(data: bytes, side: int) -> bytes:
    """Return an encoded image as a small JPEG that fits into `side` x `side`, EXIF applied.

    Raises:
        OSError: the data is no image, or is cut short.
        ValueError: the image has too many pixels to be decoded safely.
    """
    with _open_image(data) as image:
        small = _convert_to_rgb(image)
    small.thumbnail((side, side), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    small.save(out, format="JPEG", quality=80)
    return out.getvalue()


@contextmanager
def _open_image(data: bytes) -> Iterator[Image.Image]:
    with Image.open(io.BytesIO(drop_metadata(data)), formats=FORMATS) as image:
        pixels = image.width * image.height
        if pixels > _MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are more than {_MAX_PIXELS}")
        with _LARGE_IMAGE_LOCK if pixels > _LARGE_PIXELS else nullcontext():
            yield image


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    # Before anything is made of it: what cannot be decoded is no matter of orientation.
    image.load()
    stated_bits = _read_stated_bits(image)
    return _place_on_white(_reduce_to_8_bits(_turn_upright(image), stated_bits))


def _turn_upright(image: Image.Image) -> Image.Image:
    """Apply the orientation of an image's EXIF; one that cannot be read is none."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Each format's reader of EXIF raises exceptions of its own.
        return image


def _reduce_to_8_bits(image: Image.Image, stated_bits: int) -> Image.Image:
    """Scale 16 bits of grey to 8: Pillow itself would clip everything above 255 to white.

    A TIFF states how many bits are used. Where none are stated and only the lowest 12 hold
    anything, as cameras and scanners of 10 or 12 bits leave them, the picture would come out black.

    Raises:
        ValueError: the format does not define which numbers are black and white, or no value is
            bright enough to tell.
    """
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        bits = min(stated_bits, 16)
        brightest = int(values.max(initial=0))
        if bits == 16 and 0 < brightest < 1 << 12:
            raise ValueError(
                f"its grey values end at {brightest} of 65535: {brightest.bit_length()} bits are "
                "stored in 16, and it would be black; save it in 8 bits"
            )
        return Image.fromarray((values >> max(bits - 8, 0)).clip(0, 255).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode} says nothing about what is white; save it in 8 bits")
    return image


def _read_stated_bits(image: Image.Image) -> int:
    """Return the bits of a grey value as the file states them: TIFF does, in `BitsPerSample`."""
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 16)
    return int(bits[0] if isinstance(bits, tuple) else bits)


def _place_on_white(image: Image.Image) -> Image.Image:
    """Return an RGB image in which transparent pixels are white, as on a page, not black."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    page = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(page, rgba).convert("RGB")
