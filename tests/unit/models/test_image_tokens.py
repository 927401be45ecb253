"""The settings of image processors, from the fewest tokens to the most.

What they do in real ones is in tests/families/test_image_tokens.py.
"""

from types import SimpleNamespace

import pytest

from vlmeter.models.image_tokens import list_settings


def make_processor(own=None, **images):
    return SimpleNamespace(image_processor=SimpleNamespace(**images), **(own or {}))


@pytest.mark.parametrize(
    ("processor", "first", "last"),
    [
        (
            make_processor(image_grid_pinpoints=[[2, 2], [1, 2], [2, 1]]),
            {"image_grid_pinpoints": [[1, 2], [2, 1]]},
            {"image_grid_pinpoints": [[2, 2], [1, 2], [2, 1]]},
        ),
        (
            make_processor(max_patches=12, crop_to_patches=True),
            {"max_patches": 1, "crop_to_patches": False},
            {"max_patches": 64, "crop_to_patches": True},
        ),
        (make_processor(max_crops=8), {"max_crops": 1}, {"max_crops": 64}),
        (
            make_processor(
                patch_size=16,
                merge_size=2,
                size=SimpleNamespace(shortest_edge=65536, longest_edge=16777216),
            ),
            {"size": {"shortest_edge": 6 * 1024, "longest_edge": 12 * 1024}},
            # No less than before where that is below half of what is asked for.
            {"size": {"shortest_edge": 50 * 1024, "longest_edge": 100 * 1024}},
        ),
        (
            make_processor({"patch_size": 14, "spatial_merge_size": 2}),
            {"size": {"longest_edge": 3 * 28}},
            {"size": {"longest_edge": 10 * 28}},
        ),
    ],
)
def test_each_kind_of_processor_has_a_setting_of_its_own(processor, first, last):
    settings = list_settings(processor, 100)
    assert (settings[0], settings[-1]) == (first, last)


def test_a_processor_without_a_setting_has_none():
    plain = make_processor(size=SimpleNamespace(height=224, width=224), do_resize=True)
    assert list_settings(plain, 100) == []
