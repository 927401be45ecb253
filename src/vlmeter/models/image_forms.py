"""What becomes of images of different sizes, and which of them a fixed workload is made of.

A forward over images of different sizes has another shape with each batch, so that one latency
would be of none of them. So the workload has the images whose form is the median sample's: as many
samples take more tokens as take fewer.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from vlmeter.data.samples import Size


@dataclass(frozen=True)
class ImageForm:
    """What a processor makes of an image of a size, whatever it shows."""

    tokens: int
    """Positions that the image takes."""
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    """Of all inputs of a row, by their names."""


def list_tokens(counts: Counter[Size], forms: Mapping[Size, ImageForm]) -> list[int]:
    """Return the tokens of each sample's image, in ascending order.

    Args:
        counts: How many samples have an image of each size.
        forms: What becomes of an image of each size.
    """
    return sorted(forms[size].tokens for size in counts.elements())


def choose_median_form(counts: Counter[Size], forms: Mapping[Size, ImageForm]) -> set[Size]:
    """Return the sizes of which the same becomes as of the median sample's image.

    The median of an even number is the lower one. Of several forms with as many tokens it is the
    one that most samples have, the first of them where two are as frequent.

    Args:
        counts: How many samples have an image of each size.
        forms: What becomes of an image of each size.
    """
    by_tokens = sorted(counts, key=lambda size: forms[size].tokens)
    ends = accumulate(counts[size] for size in by_tokens)
    half = (counts.total() + 1) // 2
    median = next(size for size, end in zip(by_tokens, ends, strict=True) if end >= half)
    frequent: Counter[ImageForm] = Counter()
    for size, count in counts.items():
        if forms[size].tokens == forms[median].tokens:
            frequent[forms[size]] += count
    ((form, _),) = frequent.most_common(1)
    return {size for size in counts if forms[size] == form}
