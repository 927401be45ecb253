"""Formats numbers and values of axes, the same way in Markdown, HTML and figures."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vlmeter.reporting.language import say

DASH = "\u2013"
"""Stands where there is no figure."""

_PREFIXES = (("n", 1e-9), ("µ", 1e-6), ("m", 1e-3), ("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))
_LARGE = (("T", 1e12), ("P", 1e15), ("E", 1e18))
_VALUE_LABELS: dict[str, dict[object, str]] = {
    "optimization": {
        "eager": "Eager",
        "sdpa": "SDPA",
        "compile": "Compile",
        "flash_attention_2": "Flash",
        "flex_attention": "Flex",
        "static_cache": "Static cache",
        "int8": "INT8",
        "int4": "INT4",
    },
    "device": {"cuda": "GPU", "cpu": "CPU"},
}


@dataclass(frozen=True)
class Scale:
    """A unit with the prefix that suits a column of figures."""

    unit: str
    factor: float

    @classmethod
    def of(cls, values: Iterable[float | None], unit: str) -> "Scale":
        """Choose the prefix by the median of the figures, so that few need many digits."""
        sizes = sorted(abs(value) for value in values if value)
        if not sizes:
            return cls(unit, 1.0)
        middle = sizes[(len(sizes) - 1) // 2]
        prefixes = _PREFIXES if unit == "s" else (*_PREFIXES, *_LARGE)
        for prefix, factor in reversed(prefixes):
            # Seconds take no larger prefix: kiloseconds are uncommon.
            if middle >= factor and not (unit == "s" and factor > 1):
                return cls(f"{prefix}{unit}", factor)
        return cls(f"{prefixes[0][0]}{unit}", prefixes[0][1])

    def text(self, value: float | None) -> str:
        """Return a figure in this unit, without it."""
        return DASH if value is None else number(value / self.factor)


def number(value: float | None) -> str:
    """Return a figure with three significant digits, or with all digits of its integer part."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(float(f"{value:.3g}"))))
    if size >= 6 or size < -4:
        return f"{value:.2e}"
    return f"{value:.{max(0, 2 - size)}f}"


def quantity(value: float | None, unit: str) -> str:
    """Return a figure with its unit and a suitable prefix."""
    if value is None:
        return DASH
    scale = Scale.of([value], unit)
    return f"{scale.text(value)} {scale.unit}"


def interval(low: float | None, high: float | None, factor: float = 1.0) -> str:
    """Return an interval in brackets, or nothing where there is none."""
    if low is None or high is None:
        return ""
    return f"[{number(low / factor)}, {number(high / factor)}]"


def percent(share: float | None) -> str:
    """Return a share as a percentage."""
    if share is None:
        return DASH
    return "<0.1 %" if 0 < share < 0.001 else f"{share * 100:.{1 if abs(share) < 0.1 else 0}f} %"


def signed(value: float) -> str:
    """Return a figure with its sign; zero has none."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def signed_percent(share: float) -> str:
    """Return a share as a percentage with its sign."""
    digits = 1 if abs(share) < 0.1 else 0
    return f"{share * 100:+.{digits}f} %" if round(share * 100, digits) else "0 %"


def format_difference(
    value: float,
    low: float | None,
    high: float | None,
    differs: bool | None,
    format_value: Callable[[float], str],
) -> str:
    """Return a difference with its interval, or that there is no difference beyond the noise."""
    if low is None or high is None:
        return say("difference.no_interval", value=format_value(value))
    head = format_value(value) if differs else say("difference.none")
    return head if low == high == 0 else f"{head} [{format_value(low)}, {format_value(high)}]"


def value_label(axis: str, value: object) -> str:
    """Return the report's label of an axis value, e.g. `Flash`."""
    return _VALUE_LABELS.get(axis, {}).get(value, str(value))


def axis_label(axis: str) -> str:
    """Return an axis' name with its unit, as the figures label it."""
    return say(f"axis_label.{axis}")


def status_label(status: str) -> str:
    """Return how a cell ended, in words."""
    return say(f"status.{status}")


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence: `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return say("list.last_two", rest=", ".join(words[:-1]), last=words[-1])


def json_block(
    wer: float | str | None, latency: float | None, energy: float | None, flops: str | None
) -> str:
    """Return a cell's four main figures as a JSON block; `wer` may be the reason for its lack."""
    keys = {"wer_value": wer, "latency": latency, "energy": energy, "flops": flops}
    return json.dumps(keys, indent=4, ensure_ascii=False)
