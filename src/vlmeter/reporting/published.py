"""Reads published figures and notes on them from a file below `report/published`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vlmeter.errors import UserError, one_line
from vlmeter.reporting.language import LANGUAGES, get_language
from vlmeter.storage.texts import compose

Value = str | int
"""A value of an axis."""
_Block = Mapping[str, Any]
"""A block of the file, before it is read."""


@dataclass(frozen=True)
class Count:
    """A printed count of operations, and what it counts."""

    text: str
    """As printed."""
    flops: float
    samples: int
    text_tokens: int


@dataclass(frozen=True)
class PublishedCell:
    """A published cell; a figure that was not printed is None."""

    values: dict[str, Value]
    """The varied axes."""
    dataset: str | None
    """None where the publication names none: then it is the section's data set."""
    wer: float | None
    latency_s: float | None
    energy_j: float | None
    flops: Count | None
    status: str | None
    """What was printed in place of figures."""
    notes: tuple[str, ...]
    """Names of the notes on this cell."""


@dataclass(frozen=True)
class PublishedSection:
    """A published table."""

    cells: tuple[PublishedCell, ...]
    notes: tuple[str, ...]
    """Names of the notes on all cells of the table."""


@dataclass(frozen=True)
class Published:
    """A published study."""

    label: str
    base: dict[str, Value]
    """Axes of its base."""
    notes: Mapping[str, str]
    general: tuple[str, ...]
    """Notes on the whole study."""
    counts: tuple[Count, ...]
    sections: Mapping[str, PublishedSection]


def read_published(path: Path) -> Published:
    """Read a file of published figures.

    Raises:
        UserError: the file is missing or malformed; the message names it.
    """
    try:
        # Composed, since cells name notes.
        return _parse(yaml.safe_load(compose(path.read_text("utf-8"))))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: see report.published in the config.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {one_line(error)}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no file of published figures ({type(error).__name__}: {one_line(error)}): "
            "report/published/blip2-opt-2.7b.yaml shows how one looks."
        ) from None


def _parse(data: _Block) -> Published:
    counts = {
        text: Count(text, float(block["count"]), int(block["samples"]), int(block["text_tokens"]))
        for text, block in (data.get("flops") or {}).items()
    }
    notes = {str(name): _choose_text(text) for name, text in (data.get("notes") or {}).items()}
    return Published(
        label=_choose_text(data["label"]),
        base=dict(data.get("base") or {}),
        notes=notes,
        general=tuple(_choose_text(text) for text in data.get("general") or ()),
        counts=tuple(counts.values()),
        sections={
            str(name): PublishedSection(
                tuple(_parse_cell(cell, counts, notes) for cell in section["cells"]),
                _list_notes(section, notes),
            )
            for name, section in data["sections"].items()
        },
    )


def _choose_text(text: object) -> str:
    """Return a text; of texts by language, return the text in the current language."""
    if isinstance(text, dict):
        return str(text.get(get_language(), text[LANGUAGES[0]]))
    return str(text)


def _list_notes(block: _Block, notes: Mapping[str, str]) -> tuple[str, ...]:
    named = tuple(block.get("notes") or ())
    for name in named:
        if name not in notes:
            raise KeyError(f"notes.{name}")
    return named


def _parse_cell(
    cell: _Block, counts: Mapping[str, Count], notes: Mapping[str, str]
) -> PublishedCell:
    flops = cell.get("flops")
    return PublishedCell(
        values=dict(cell["values"]),
        dataset=cell.get("dataset"),
        wer=_parse_number(cell, "wer_value"),
        latency_s=_parse_number(cell, "latency"),
        energy_j=_parse_number(cell, "energy"),
        flops=None if flops is None else counts[flops],
        status=cell.get("status"),
        notes=_list_notes(cell, notes),
    )


def _parse_number(cell: _Block, key: str) -> float | None:
    return None if cell.get(key) is None else float(cell[key])
