"""Builds the report's gallery: samples with the answers of some cells side by side."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_setting
from vlmeter.results.numbers import DASH, number
from vlmeter.results.tables import Row
from vlmeter.storage.files import check_whole, checksums, read_json

Plain = Mapping[str, Any]
Rows = Mapping[tuple[str, str], Row]


@dataclass(frozen=True)
class Answered:
    """An answer and the cells that gave it."""

    cells: str
    text: str
    score: str


@dataclass(frozen=True)
class ShownSample:
    """A sample with its answers."""

    id: str
    picture: str | None
    """A file's name."""
    prompt: str
    references: str
    changed: bool
    """Whether the cells' answers differ."""
    answers: tuple[Answered, ...]


@dataclass(frozen=True)
class ShownDataset:
    """A data set's samples, the worst first."""

    title: str
    lead: str
    changes: tuple[str, ...]
    """A text per other cell on how its answers differ from the first cell's."""
    samples: tuple[ShownSample, ...]


def read_shown_answers(answers_json: Path | None, outline: Plain, rows: Rows) -> list[ShownDataset]:
    """Return the data sets and samples that `collect_answers` chose, ready to show.

    Args:
        answers_json: The output of `collect_answers`; None where nothing was collected.
        outline: The study's outline.
        rows: The rows of `summary.csv` by data set and cell.

    Raises:
        UserError: a file is missing or damaged.
    """
    if answers_json is None:
        return []
    collected = read_json(answers_json)
    blocks: Sequence[Plain] = collected["datasets"]  # type: ignore[assignment]
    return [_build_dataset(block, outline, rows) for block in blocks]


def read_pictures(answers_json: Path | None) -> dict[str, str]:
    """Return the pictures as data URLs, by file name.

    Raises:
        UserError: a picture is missing or damaged.
    """
    if answers_json is None:
        return {}
    pictures = {}
    for name, sha256 in checksums(read_json(answers_json)).items():
        path = answers_json.with_name(name)
        check_whole(path, sha256, remake=answers_json)
        pictures[name] = f"data:image/jpeg;base64,{b64encode(path.read_bytes()).decode()}"
    return pictures


def _build_dataset(block: Plain, outline: Plain, rows: Rows) -> ShownDataset:
    cells: Sequence[Plain] = block["cells"]
    names = [
        _name_cell(rows.get((block["dataset"], cell["cell"])), cell, outline) for cell in cells
    ]
    metric = translate(block["metric"])
    return ShownDataset(
        title=str(outline["datasets"][block["dataset"]]["label"]),
        lead=say("gallery.lead", metric=metric, cell=names[0], count=len(block["samples"])),
        changes=tuple(_describe_changes(cells, names)),
        samples=tuple(_build_sample(sample, names) for sample in block["samples"]),
    )


def _name_cell(row: Row | None, cell: Plain, outline: Plain) -> str:
    if row is None:
        return str(cell["cell"])
    setting = format_setting(row, outline["base"])
    several = len(outline["models"]) > 1
    return f"{outline['models'][row['model']]['label']}: {setting}" if several else setting


def _describe_changes(cells: Sequence[Plain], names: Sequence[str]) -> Iterator[str]:
    same = []
    for cell, name in list(zip(cells, names, strict=True))[1:]:
        if cell["changed"]:
            keys = ("changed", "shared", "better", "worse")
            counts = {key: cell[key] for key in keys}
            yield say("gallery.change", cell=name, first=names[0], **counts)
        else:
            same.append(name)
    if same:
        yield say("gallery.same", cells="; ".join(same), first=names[0], count=len(same))


def _build_sample(sample: Plain, names: Sequence[str]) -> ShownSample:
    by_text: dict[tuple[str | None, float | None], list[str]] = {}
    for name, answer in zip(names, sample["answers"], strict=True):
        by_text.setdefault((answer["text"], answer["score"]), []).append(name)
    return ShownSample(
        id=sample["id"],
        picture=sample["image"],
        prompt=sample["prompt"] or say("prompt.image_alone"),
        references=" · ".join(sample["references"]) or DASH,
        changed=sample["changed"],
        answers=tuple(
            Answered(
                cells=_join_cells(cells, names),
                text=say("gallery.no_answer") if text is None else text or say("gallery.empty"),
                score=number(score),
            )
            for (text, score), cells in by_text.items()
        ),
    )


def _join_cells(cells: Sequence[str], names: Sequence[str]) -> str:
    if len(cells) == len(names) > 1:
        return say("gallery.all_cells")
    return "; ".join(dict.fromkeys(cells))
