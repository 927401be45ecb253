"""Formats numbers and quantities, in the style of a language; without one, as in English."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

DASH = "\u2013"
"""Stands where there is no figure."""

_PREFIXES = (("n", 1e-9), ("µ", 1e-6), ("m", 1e-3), ("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))
_LARGE = (("T", 1e12), ("P", 1e15), ("E", 1e18))


@dataclass(frozen=True)
class NumberStyle:
    """How a language writes numbers."""

    decimal: str = "."
    between: str = ", "
    """Stands between the ends of an interval."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Its symbols of units; a unit that is not among them stays as it is."""


_ENGLISH = NumberStyle()
_style: ContextVar[NumberStyle] = ContextVar("number_style", default=_ENGLISH)


@contextmanager
def use_style(style: NumberStyle) -> Iterator[None]:
    """Write numbers in a style within a `with` block."""
    token = _style.set(style)
    try:
        yield
    finally:
        _style.reset(token)


def write_decimals(text: str) -> str:
    """Return a number that Python wrote with the decimal sign of the current style."""
    return text.replace(".", _style.get().decimal)


@dataclass(frozen=True)
class Scale:
    """A unit with the prefix that suits a column of figures."""

    unit: str
    factor: float

    @classmethod
    def of(cls, values: Iterable[float | None], unit: str) -> "Scale":
        """Choose the prefix by the median of the figures, so that few need many digits."""
        symbols = _style.get().units
        sizes = sorted(abs(value) for value in values if value)
        if not sizes:
            return cls(symbols.get(unit, unit), 1.0)
        middle = sizes[(len(sizes) - 1) // 2]
        prefixes = _PREFIXES if unit == "s" else (*_PREFIXES, *_LARGE)
        for prefix, factor in reversed(prefixes):
            # Seconds take no larger prefix: kiloseconds are uncommon.
            if middle >= factor and not (unit == "s" and factor > 1):
                name = f"{prefix}{unit}"
                return cls(symbols.get(name, name), factor)
        name = f"{prefixes[0][0]}{unit}"
        return cls(symbols.get(name, name), prefixes[0][1])

    def format(self, value: float | None) -> str:
        """Return a figure in this unit, without it."""
        return DASH if value is None else format_number(value / self.factor)


def format_number(value: float | None) -> str:
    """Return a figure with three significant digits, or with all digits of its integer part."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    size = _measure_size(value)
    if size >= 6 or size < -4:
        return write_decimals(f"{value:.2e}")
    return write_decimals(f"{value:.{max(0, 2 - size)}f}")


def format_amount(value: float | None) -> str:
    """Return an amount of money as `format_number` does, but never with an exponent."""
    if value is None or not math.isfinite(value) or value == 0:
        return format_number(value)
    return write_decimals(f"{value:.{max(0, 2 - _measure_size(value))}f}")


def _measure_size(value: float) -> int:
    """Return the power of ten of a figure that is rounded to three digits."""
    return math.floor(math.log10(abs(float(f"{value:.3g}"))))


def format_quantity(value: float | None, unit: str) -> str:
    """Return a figure with its unit and a suitable prefix."""
    if value is None:
        return DASH
    scale = Scale.of([value], unit)
    return f"{scale.format(value)} {scale.unit}"


def format_figure(value: float | None, unit: str) -> str:
    """Return a figure that may have no unit."""
    return format_quantity(value, unit) if unit else format_number(value)


def format_interval(
    low: float | None, high: float | None, format_value: Callable[[float], str]
) -> str:
    """Return the ends of an interval in brackets, or nothing where there is none."""
    if low is None or high is None:
        return ""
    return f"[{format_value(low)}{_style.get().between}{format_value(high)}]"


def format_with_interval(
    value: float | None, low: float | None, high: float | None, factor: float = 1.0
) -> str:
    """Return a figure as `value [low, high]`, in a unit that is `factor` times its own."""
    if value is None:
        return DASH
    ends = format_interval(low, high, lambda end: format_number(end / factor))
    return f"{format_number(value / factor)} {ends}".rstrip()


def format_percent(share: float | None) -> str:
    """Return a share as a percentage."""
    if share is None:
        return DASH
    if 0 < share < 0.001:
        return write_decimals("<0.1 %")
    return write_decimals(f"{share * 100:.{1 if abs(share) < 0.1 else 0}f} %")


def format_signed(value: float) -> str:
    """Return a figure with its sign; zero has none."""
    return f"{'+' if value > 0 else ''}{format_number(value)}"


def format_signed_percent(share: float) -> str:
    """Return a share as a percentage with its sign; from the double on, as a factor: `4.8×`."""
    if share >= 1:
        factor = 1 + share
        form = f".{1 if factor < 10 else 0}f" if factor < 1e6 else ".1e"
        return write_decimals(f"{factor:{form}}×")
    digits = 1 if abs(share) < 0.1 else 0
    if not round(share * 100, digits):
        return "0 %"
    return write_decimals(f"{share * 100:+.{digits}f} %")
