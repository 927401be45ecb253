"""Images are decoded on every core, and those that take much memory one after another."""

import io
import threading
from contextlib import contextmanager

import pytest
from PIL import Image
from stored_data import write_samples

from vlmeter.data import pixels
from vlmeter.data import preprocess_images as module
from vlmeter.data.preprocess_images import encode_thumbnail_jpeg, preprocess_images
from vlmeter.storage.parquet import read_table

SMALL, LARGE = (8, 8), (40, 30)


class Decoding:
    """Notes which images are decoded at once: each waits a moment for another to join it."""

    def __init__(self, at_once):
        self._barrier = threading.Barrier(at_once)
        self._guard = threading.Lock()
        self.most = {SMALL: 0, LARGE: 0}
        self.counts = {SMALL: 0, LARGE: 0}

    @contextmanager
    def note(self, size):
        with self._guard:
            self.counts[size] += 1
            self.most[size] = max(self.most[size], self.counts[size])
        try:
            self._barrier.wait(0.2)
        except threading.BrokenBarrierError:
            self._barrier.reset()
        yield
        with self._guard:
            self.counts[size] -= 1


def encode(size):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, format="PNG")
    return out.getvalue()


@pytest.fixture
def decoding(monkeypatch):
    """Four cores, on which an image of 1,000 pixels is large."""
    noted = Decoding(at_once=2)
    convert = pixels._convert_to_rgb

    def convert_and_note(image):
        with noted.note(image.size):
            return convert(image)

    monkeypatch.setattr(pixels, "_convert_to_rgb", convert_and_note)
    monkeypatch.setattr(pixels, "_LARGE_PIXELS", 1000)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 4)
    return noted


@pytest.mark.parametrize(("size", "at_once"), [(LARGE, 1), (SMALL, 2)])
def test_large_images_are_decoded_one_at_a_time_and_small_ones_are_not(
    decoding, tmp_path, size, at_once
):
    rows = [{"id": f"s{number}", "image": encode(size)} for number in range(4)]
    manifest = write_samples(tmp_path / "samples.parquet", rows)
    preprocess_images(manifest, 8, tmp_path / "images.parquet", tmp_path / "images.json")
    assert [row["id"] for row in read_table(tmp_path / "images.parquet")] == [
        "s0",
        "s1",
        "s2",
        "s3",
    ]
    assert min(decoding.most[size], 2) == at_once


def test_a_thumbnail_of_a_large_image_waits_for_its_turn_too(decoding):
    threads = [
        threading.Thread(target=encode_thumbnail_jpeg, args=(encode(LARGE), 8)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decoding.most[LARGE] == 1
