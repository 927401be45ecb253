"""Lists what each value of the report means, as Markdown."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vlmeter.escaping import markdown
from vlmeter.reporting.language import say, translate_parts
from vlmeter.results.numbers import format_percent

_PLAIN = (
    "energy",
    "flops",
    "wer",
    "difference",
    "batch",
    "memory",
    "generation",
    "request",
    "length",
)
"""Definitions that no study changes."""


class Definition(NamedTuple):
    """What a value of the report means."""

    name: str
    """By which links of the page name it; empty where none does."""
    words: str
    """Markdown, in which values of studies are escaped."""


def list_definitions(
    rounds: int | None,
    target: float | None,
    window_s: float,
    qualities: Sequence[tuple[str, str]],
    prompts: Sequence[tuple[str, str]],
    decodings: Sequence[tuple[str, str]],
    overhead: float | None,
    *,
    has_layers: bool,
) -> Iterator[Definition]:
    """Yield the definitions that a study needs, each once.

    Args:
        rounds: Rounds of a measured window; None where each ends by its interval ...
        target: ... of this half-width, as a share of the figure.
        window_s: Seconds of timed forward passes, where the interval does not end them earlier.
        qualities: Data set, and the definitions of its metrics.
        prompts: Data set with prompt name, and the template.
        decodings: Data set, and how its answers are decoded.
        overhead: Largest share of time that the timing of layers added; None where none is known.
        has_layers: Whether the study profiles layers.
    """
    interval = (
        _define("fixed_window", repeats=rounds, window=window_s)
        if rounds is not None or target is None
        else _define("target_window", target=format_percent(target), window=window_s)
    )
    yield Definition("latency", f"{_define('latency')} {interval}")
    for name in (*_PLAIN, "identical"):
        yield Definition(name, _define(name))
    for dataset, words in qualities:
        yield Definition("", _define("quality_of", dataset=dataset, words=translate_parts(words)))
    for dataset, words in prompts:
        yield Definition("", _define("prompt_of", dataset=dataset, words=words))
    for dataset, words in decodings:
        yield Definition("", _define("decoding_of", dataset=dataset, words=words))
    if has_layers:
        share = "" if overhead is None else say("about.overhead", share=format_percent(overhead))
        yield Definition("per_layer", _define("layers", overhead=share))


def _define(name: str, **values: object) -> str:
    """Return a text of the catalogue, which is Markdown, with its values escaped."""
    return say(f"about.{name}", **{key: markdown(str(value)) for key, value in values.items()})
