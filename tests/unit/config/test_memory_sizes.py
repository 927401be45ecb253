"""Sizes of memory in the config."""

import pytest

from vlmeter.results.wishes import MemorySize
from vlmeter.study.outline import build_outline


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("16GB", 16 * 10**9),
        ("24 GiB", 24 * 2**30),
        ("0.5TB", 5 * 10**11),
        ("512MiB", 2**29),
        ("1.5MB", 1_500_000),
    ],
)
def test_a_size_is_a_number_and_a_unit(config, text, size_bytes):
    outline = build_outline(config.set("fits", [text]).study())
    assert outline.memories == (MemorySize(text, size_bytes),)


@pytest.mark.parametrize(
    "value",
    [
        *("16", "16gb", "GB", "0GB", "0.000GB", "-1GB", "1e3GB", "1,5GB", "16 G", "1" * 30 + "GB"),
        *(16, None, True, 1.5),
    ],
)
def test_what_is_no_size_is_refused_by_its_place(refuse, value):
    words = refuse("fits", ["80GB", value])
    assert words.startswith(f'my.yaml: fits[1]: "{value}" is no size of memory: give a number')
    assert len(words.splitlines()) == 1


def test_equal_sizes_are_refused(refuse):
    assert "fits: names a size twice" in refuse("fits", ["1GB", "1000MB"])
