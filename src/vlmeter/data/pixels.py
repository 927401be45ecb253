"""The pixels of an encoded image: decoded to upright RGB, and brought to a size."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

from vlmeter.data.png_chunks import drop_metadata
from vlmeter.data.samples import Size

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats of pixels only: for an EPS, which is a program, Pillow would start Ghostscript."""
_BITS_PER_SAMPLE = 258
"""TIFF's number for the bits of a value (TIFF 6.0, section 8)."""
_LARGE_PIXELS = 10_000_000
_LARGE_IMAGE_LOCK = Lock()
"""Held while a large image is decoded: one on each core at once would take gigabytes."""
_MAX_PIXELS = 100_000_000
"""A larger image is refused before decoding: a small file can expand to gigabytes."""


def decode_rgb(data: bytes) -> Image.Image:
    """Return an encoded image in RGB, EXIF applied.

    Raises:
        OSError: the data is no image, or is cut short.
        ValueError: the image has too many pixels to be decoded safely.
    """
    with _open_image(data) as image:
        return _convert_to_rgb(image)


def resize_rgb(
    rgb: Image.Image, image_size: int, *, keeps_aspect_ratio: bool = False
) -> Image.Image:
    """Return an image at `image_size` x `image_size`.

    Where the aspect ratio is kept, it has no more pixels than that, and none is added.
    """
    size = (image_size, image_size)
    if keeps_aspect_ratio:
        size = _fit_area(rgb.size, image_size**2)
    return rgb if rgb.size == size else rgb.resize(size, Image.Resampling.BICUBIC)


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
                "stored in 16, and it would be black: save it in 8 bits"
            )
        return Image.fromarray((values >> max(bits - 8, 0)).clip(0, 255).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode} says nothing about what is white: save it in 8 bits")
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
