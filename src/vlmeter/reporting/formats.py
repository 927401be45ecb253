"""Formats numbers and values of axes, the same way in Markdown, HTML and figures."""

import json
from collections.abc import Callable, Sequence

from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.language import say
from vlmeter.results.numbers import format_interval

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
        "fp8": "FP8",
    },
    "device": {"cuda": "GPU", "cpu": "CPU"},
}
OWN_TOKENS = ("max_image_tokens", 0)
"""An axis and the value by which a model goes by its own settings."""


def format_difference(difference: Difference, format_value: Callable[[float], str]) -> str:
    """Return a difference with its interval, or that there is no difference beyond the noise."""
    estimate, low, high = difference.estimate, difference.low, difference.high
    if low is None or high is None:
        return say("difference.no_interval", value=format_value(estimate))
    head = format_value(estimate) if difference.significant else say("difference.none")
    return head if low == high == 0 else f"{head} {format_interval(low, high, format_value)}"


def get_value_label(axis: str, value: object) -> str:
    """Return the report's label of an axis value, e.g. `Flash`."""
    if (axis, value) == OWN_TOKENS:
        return say("axis_value.own")
    return _VALUE_LABELS.get(axis, {}).get(value, str(value))


def get_axis_label(axis: str) -> str:
    """Return an axis' name with its unit, as the figures label it."""
    return say(f"axis_label.{axis}")


def get_status_label(status: str) -> str:
    """Return how a cell ended, in words."""
    return say(f"status.{status}")


def join_words(words: Sequence[str]) -> str:
    """Join words as in a sentence: `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return say("list.last_two", rest=", ".join(words[:-1]), last=words[-1])


def format_json_block(
    wer: float | str | None, latency: float | None, energy: float | None, flops: str | None
) -> str:
    """Return a cell's four main figures as a JSON block; `wer` may be the reason for its lack."""
    keys = {"wer_value": wer, "latency": latency, "energy": energy, "flops": flops}
    return json.dumps(keys, indent=4, ensure_ascii=False)
