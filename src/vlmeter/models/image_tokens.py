"""Which settings of an image processor decide how many tokens an image takes.

Processors have no common name for it: some go by pixels, some by tiles. So each kind is known by
the attributes that its image processors have, and gives its settings in order, from the fewest
tokens to the most. Which of them keeps to a number is tried on the sizes of the images themselves.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Settings = Mapping[str, Any]
"""Options of a processor's call."""
_MOST_TILES = 64
_SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Of a number of tokens, where an image's form lets its processor miss the whole of it."""
_GEMMA_4_TOKENS = (70, 140, 280, 560, 1120)
"""What Gemma 4's processor takes for `max_soft_tokens`."""


def list_settings(processor: Any, most: int) -> list[Settings]:  # noqa: ANN401 - any processor
    """Return the settings that make fewer or more tokens of an image, the fewest first.

    Args:
        processor: A model's.
        most: The tokens that are asked for; settings by pixels go up to this number.

    Returns:
        None where nothing that is known here changes their number.
    """
    for list_own in _KINDS:
        settings = list(list_own(processor, processor.image_processor, most))
        if settings:
            return settings
    return []


def _list_grids(_processor: Any, images: Any, _most: int) -> Iterator[Settings]:  # noqa: ANN401
    """LLaVA-NeXT and LLaVA-OneVision: the grids of tiles to choose from, by their area."""
    grids = getattr(images, "image_grid_pinpoints", None) or []
    for area in sorted({height * width for height, width in grids}):
        fewer = [[height, width] for height, width in grids if height * width <= area]
        yield {"image_grid_pinpoints": fewer}


def _list_soft_tokens(_processor: Any, images: Any, _most: int) -> Iterator[Settings]:  # noqa: ANN401
    """Gemma 4: one of five numbers of tokens."""
    if hasattr(images, "max_soft_tokens"):
        for count in _GEMMA_4_TOKENS:
            yield {"max_soft_tokens": count}


def _list_tokens_then_tiles(_processor: Any, images: Any, most: int) -> Iterator[Settings]:  # noqa: ANN401
    """LFM2-VL: tokens of an image that is whole, then tiles."""
    if not hasattr(images, "max_image_tokens"):
        return
    for count in _list_shares(min(most, images.max_image_tokens)):
        least = min(images.min_image_tokens, max(1, count // 2))
        whole = {"min_image_tokens": least, "max_image_tokens": count}
        yield {**whole, "do_image_splitting": False}
    for tiles in range(2, _MOST_TILES + 1):
        yield {**whole, "do_image_splitting": True, "min_tiles": 2, "max_tiles": tiles}


def _list_pixels(_processor: Any, images: Any, most: int) -> Iterator[Settings]:  # noqa: ANN401
    """Qwen-VL, GLM-V, PaddleOCR-VL: pixels, of which a square of patches is a token."""
    size = getattr(images, "size", None)
    least, most_pixels = (getattr(size, f"{which}est_edge", None) for which in ("short", "long"))
    if not hasattr(images, "merge_size") or least is None or most_pixels is None:
        return
    pixels = (images.patch_size * images.merge_size) ** 2
    resize = getattr(inspect.getmodule(type(images)), "smart_resize", None)
    if resize is not None and "temporal_factor" in inspect.signature(resize).parameters:
        # GLM counts the pixels of an image as those of a video of two frames.
        pixels *= images.temporal_patch_size
    for count in _list_shares(most):
        # The least is aimed at from below, and rounded up.
        edges = {"shortest_edge": min(least, max(1, count // 2) * pixels)}
        yield {"size": {**edges, "longest_edge": count * pixels}}


def _list_long_edges(processor: Any, images: Any, most: int) -> Iterator[Settings]:  # noqa: ANN401
    """Pixtral and Mistral 3: the longer side of an image."""
    if not hasattr(processor, "spatial_merge_size") or hasattr(images, "merge_size"):
        return
    side = processor.patch_size * processor.spatial_merge_size
    for count in _list_shares(most):
        yield {"size": {"longest_edge": math.isqrt(count) * side}}


def _list_splits(_processor: Any, images: Any, _most: int) -> Iterator[Settings]:  # noqa: ANN401
    """Idefics3 and SmolVLM: tiles along the longer side."""
    tile = getattr(images, "max_image_size", None)
    if not hasattr(images, "do_image_splitting") or not tile:
        return
    for tiles in range(1, math.isqrt(_MOST_TILES) + 1):
        edge = {"longest_edge": tiles * tile["longest_edge"]}
        yield {"do_image_splitting": tiles > 1, "size": edge}


def _list_crops(_processor: Any, images: Any, _most: int) -> Iterator[Settings]:  # noqa: ANN401
    """Gemma 3: crops beside the whole image, which it has none of by itself."""
    if hasattr(images, "do_pan_and_scan"):
        for crops in range(1, _MOST_TILES + 1):
            yield {"do_pan_and_scan": crops > 1, "pan_and_scan_max_num_crops": crops}


def _list_tiles(_processor: Any, images: Any, _most: int) -> Iterator[Settings]:  # noqa: ANN401
    """InternVL, Llama 4, Molmo 2, MiniCPM-V, Phi-4 multimodal: tiles of an image."""
    names = ("max_patches", "max_crops", "max_slice_nums", "dynamic_hd")
    name = next((each for each in names if hasattr(images, each)), None)
    if name is None:
        return
    for tiles in range(1, _MOST_TILES + 1):
        cropping = {"crop_to_patches": tiles > 1} if hasattr(images, "crop_to_patches") else {}
        yield {**cropping, name: tiles}


_KINDS: tuple[Callable[[Any, Any, int], Iterator[Settings]], ...] = (
    _list_grids,
    _list_soft_tokens,
    _list_tokens_then_tiles,
    _list_pixels,
    _list_long_edges,
    _list_splits,
    _list_crops,
    _list_tiles,
)


def _list_shares(most: int) -> list[int]:
    return sorted({max(1, int(most * share)) for share in _SHARES})
