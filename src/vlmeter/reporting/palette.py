"""A colour and a marker per data set, the same in every figure."""

from collections.abc import Sequence

# The palette of Okabe and Ito, which is safe for every common form of colour blindness, without
# its yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def colour_of(name: str, names: Sequence[str]) -> str:
    """Return the colour of the data set `name` among all of a study."""
    return _COLOURS[names.index(name) % len(_COLOURS)]


def marker_of(name: str, names: Sequence[str]) -> str:
    """Return the marker of the data set `name` among all of a study."""
    return _MARKERS[names.index(name) % len(_MARKERS)]
