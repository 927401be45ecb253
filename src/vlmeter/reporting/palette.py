"""One colour and one marker per data set, the same in every figure."""

from collections.abc import Sequence

# Okabe and Ito's palette, told apart with every common form of colour blindness; its yellow is
# left out, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def colour_of(name: str, names: Sequence[str]) -> str:
    """Return the colour of one of a study's data sets."""
    return _COLOURS[names.index(name) % len(_COLOURS)]


def marker_of(name: str, names: Sequence[str]) -> str:
    """Return the marker of one of a study's data sets."""
    return _MARKERS[names.index(name) % len(_MARKERS)]
