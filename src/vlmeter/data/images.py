"""Every image at one size: RGB, upright, square, without loss."""

import io
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from vlmeter.data.samples import IMAGES
from vlmeter.data.tables import count_rows, stream_table, write_table
from vlmeter.errors import UserError
from vlmeter.files import check_whole, file_sha256, read_json, write_json

_LOG = logging.getLogger(__name__)
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What an image may be: pixels. Pillow would start Ghostscript for one that is a program (EPS)."""
_LARGE_PIXELS = 10_000_000
_ONE_LARGE = Lock()
"""One large image at a time: all cores at once would take gigabytes."""
_MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decoded: a small file can unfold to gigabytes."""
_AHEAD = 4
"""Images a core that are read before the first of them is written."""


def preprocess_images(samples_manifest: str, image_size: int, images: str, manifest: str) -> None:
    """Bring a data set's images to `image_size` x `image_size`.

    The samples lie beside their manifest.

    An image that cannot be decoded is left out, told by id in the log and in the manifest.

    Raises:
        UserError: not one image can be decoded.
    """
    told = read_json(Path(samples_manifest))
    samples = Path(samples_manifest).with_suffix(".parquet")
    check_whole(samples, told["sha256"], remake=Path(samples_manifest))
    bad: list[dict[str, str]] = []
    write_table(Path(images), _prepared_rows(samples, image_size, bad), IMAGES)
    write_json(
        Path(manifest),
        {
            "dataset": told["dataset"],
            "image_size": image_size,
            "samples_sha256": told["sha256"],
            "n": count_rows(Path(images)),
            "bad_samples": [*told["bad_samples"], *bad],  # type: ignore[misc]
            "sha256": file_sha256(Path(images)),
        },
    )


def _prepared_rows(
    samples: Path, image_size: int, bad: list[dict[str, str]]
) -> Iterator[dict[str, object]]:
    """Yield the rows of the images' table; samples without an image to be had go to `bad`."""
    count = count_rows(samples)
    stored = stream_table(samples, ["id", "image", "file"])
    for row, image in tqdm(
        _prepared(stored, image_size), total=count, desc=f"{image_size} px", unit="image"
    ):
        if isinstance(image, bytes):
            yield {"id": row["id"], "image": image}
        else:
            reason = f"{row['file'] or 'its image'} {image}"
            _LOG.warning("sample %s: %s; it is left out", row["id"], reason)
            bad.append({"id": row["id"], "reason": reason})
    if len(bad) == count:
        raise UserError(f"{samples}: no image can be decoded; the first: {bad[0]['reason']}.")


def _prepared(
    rows: Iterable[dict[str, Any]], image_size: int
) -> Iterator[tuple[dict[str, Any], bytes | str]]:
    """Yield rows in order, each with its PNG or the reason why there is none."""

    def prepare(data: bytes) -> bytes | str:
        try:
            return resized_png(data, image_size)
        except UnidentifiedImageError:
            # Pillow's own words name an address in memory, another one each time.
            return "cannot be decoded (no known image format)"
        except Exception as error:
            # A decoder meets damaged bytes with whatever exception its format makes likely.
            return f"cannot be decoded ({error})"

    cores = os.cpu_count() or 1
    # Pillow lets go of the interpreter while it decodes and resizes.
    with ThreadPoolExecutor(cores) as pool:
        under_way: deque[tuple[dict[str, Any], Future[bytes | str]]] = deque()
        for row in rows:
            under_way.append((row, pool.submit(prepare, row["image"])))
            if len(under_way) > _AHEAD * cores:
                done, image = under_way.popleft()
                yield done, image.result()
        for done, image in under_way:
            yield done, image.result()


def resized_png(data: bytes, image_size: int) -> bytes:
    """Return an encoded image as a PNG of `image_size` x `image_size`, RGB, EXIF applied.

    Raises:
        OSError: the data is no image, or is cut short.
        ValueError: the image has too many pixels to be decoded safely.
    """
    with _opened(data) as image:
        return _resized(image, image_size)


def thumbnail_jpeg(data: bytes, side: int) -> bytes:
    """Return an encoded image as a small JPEG that fits into `side` x `side`, EXIF applied.

    Raises:
        OSError: the data is no image, or is cut short.
        ValueError: the image has too many pixels to be decoded safely.
    """
    with _opened(data) as image:
        small = _upright_rgb(image)
    small.thumbnail((side, side), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    small.save(out, format="JPEG", quality=80)
    return out.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        pixels = image.width * image.height
        if pixels > _MAX_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are more than {_MAX_PIXELS}")
        with _ONE_LARGE if pixels > _LARGE_PIXELS else nullcontext():
            yield image


def _resized(image: Image.Image, image_size: int) -> bytes:
    rgb = _upright_rgb(image)
    if rgb.size != (image_size, image_size):
        rgb = rgb.resize((image_size, image_size), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    rgb.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _upright_rgb(image: Image.Image) -> Image.Image:
    return _on_white(_in_8_bits(ImageOps.exif_transpose(image)))


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return 16 bits of grey as 8: Pillow itself would cut all above 255 to white.

    Raises:
        ValueError: the numbers have no range that is known to reach from black to white.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode} says nothing about what is white; save it in 8 bits")
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """Return an RGB image; what was transparent becomes white, as on a page, not black."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    page = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(page, rgba).convert("RGB")
