"""Figures that someone published, as data with notes: read from a file below `report/published`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vlmeter.errors import UserError
from vlmeter.reporting.language import LANGUAGES, language

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Count:
    """What a printed count of operations stands for."""

    text: str
    """As printed."""
    flops: float
    samples: int
    text_tokens: int


@dataclass(frozen=True)
class PublishedCell:
    """One published cell; a figure that was not printed is None."""

    values: Plain
    """The varied axes."""
    dataset: str | None
    """None where the publication names none: the section's own then."""
    wer: float | None
    latency_s: float | None
    energy_j: float | None
    flops: Count | None
    status: str | None
    """What was printed in place of figures."""
    notes: tuple[str, ...]
    """Names of what is to be said about it alone."""


@dataclass(frozen=True)
class PublishedSection:
    """A published table."""

    cells: tuple[PublishedCell, ...]
    notes: tuple[str, ...]
    """Names of what is to be said about all its cells."""


@dataclass(frozen=True)
class Published:
    """A published study."""

    label: str
    base: Plain
    """Axes of its base."""
    notes: Mapping[str, str]
    general: tuple[str, ...]
    """What is to be said about all of it."""
    counts: tuple[Count, ...]
    sections: Mapping[str, PublishedSection]


def read_published(path: Path) -> Published:
    """Read a file of published figures.

    Raises:
        UserError: the file is missing or is not such a file; the message names it.
    """
    try:
        return _published(yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: see report.published in the config.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as YAML: {words}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no file of published figures ({type(error).__name__}: {error}): "
            "report/published/blip2-opt-2.7b.yaml shows how one looks."
        ) from None


def _published(data: Plain) -> Published:
    counts = {
        text: Count(text, float(one["count"]), int(one["samples"]), int(one["text_tokens"]))
        for text, one in (data.get("flops") or {}).items()
    }
    notes = {str(name): _text(text) for name, text in (data.get("notes") or {}).items()}
    return Published(
        label=_text(data["label"]),
        base=dict(data.get("base") or {}),
        notes=notes,
        general=tuple(_text(text) for text in data.get("general") or ()),
        counts=tuple(counts.values()),
        sections={
            str(name): PublishedSection(
                tuple(_cell(cell, counts, notes) for cell in section["cells"]),
                _named(section, notes),
            )
            for name, section in data["sections"].items()
        },
    )


def _text(given: object) -> str:
    """Return a text, or of a text by language the one that is spoken."""
    if isinstance(given, dict):
        return str(given.get(language(), given[LANGUAGES[0]]))
    return str(given)


def _named(block: Plain, notes: Plain) -> tuple[str, ...]:
    named = tuple(block.get("notes") or ())
    for name in named:
        if name not in notes:
            raise KeyError(f"notes.{name}")
    return named


def _cell(cell: Plain, counts: Mapping[str, Count], notes: Plain) -> PublishedCell:
    flops = cell.get("flops")
    return PublishedCell(
        values=dict(cell["values"]),
        dataset=cell.get("dataset"),
        wer=_number(cell, "wer_value"),
        latency_s=_number(cell, "latency"),
        energy_j=_number(cell, "energy"),
        flops=None if flops is None else counts[flops],
        status=cell.get("status"),
        notes=_named(cell, notes),
    )


def _number(cell: Plain, key: str) -> float | None:
    return None if cell.get(key) is None else float(cell[key])
