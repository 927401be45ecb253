"""Builds the report's gallery: samples with the answers of some cells side by side."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.reporting.collected import (
    CollectedAnswer,
    CollectedAnswers,
    CollectedCell,
    CollectedDataset,
    CollectedSample,
)
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_setting
from vlmeter.results.numbers import DASH, format_number
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Summary
from vlmeter.storage.files import check_whole, read_json
from vlmeter.storage.layout import CellKey
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class ShownAnswer:
    """An answer and the cells that gave it."""

    settings: tuple[str, ...]
    cells: str
    """The settings as a text."""
    text: str
    score: str
    grade: str
    """right, partly, wrong or unscored."""


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
    answers: tuple[ShownAnswer, ...]


@dataclass(frozen=True)
class ShownDataset:
    """A data set's samples, the worst first."""

    title: str
    lead: str
    metric: str
    settings: tuple[str, ...]
    """The settings whose answers are shown."""
    changes: tuple[str, ...]
    """A text per other cell on how its answers differ from the first cell's."""
    samples: tuple[ShownSample, ...]


def read_shown_answers(
    answers_json: Path | None, outline: Outline, rows: Summary
) -> list[ShownDataset]:
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
    collected = _read_collected(answers_json)
    return [_build_dataset(block, outline, rows) for block in collected.datasets]


def read_pictures(answers_json: Path | None) -> dict[str, str]:
    """Return the pictures as data URLs, by file name.

    Raises:
        UserError: a picture is missing or damaged.
    """
    if answers_json is None:
        return {}
    pictures = {}
    for name, sha256 in _read_collected(answers_json).files.items():
        path = answers_json.with_name(name)
        check_whole(path, sha256, remake=answers_json)
        pictures[name] = f"data:image/jpeg;base64,{b64encode(path.read_bytes()).decode()}"
    return pictures


def _read_collected(answers_json: Path) -> CollectedAnswers:
    return from_plain(CollectedAnswers, read_json(answers_json), answers_json)


def _build_dataset(block: CollectedDataset, outline: Outline, rows: Summary) -> ShownDataset:
    names = [
        _name_cell(cell.cell, rows.get(CellKey(block.dataset, cell.cell)), outline)
        for cell in block.cells
    ]
    metric = translate(block.metric)
    bounded = outline.datasets[block.dataset].task != "caption"

    def grade(score: float | None) -> str:
        return grade_answer(score, higher=block.higher_is_better, bounded=bounded)

    return ShownDataset(
        title=outline.datasets[block.dataset].label,
        metric=metric,
        settings=tuple(dict.fromkeys(names)),
        lead=say("gallery.lead", metric=metric, cell=names[0], count=len(block.samples)),
        changes=tuple(_describe_changes(block.cells, names)),
        samples=tuple(_build_sample(sample, names, grade) for sample in block.samples),
    )


def _name_cell(cell: str, row: SummaryRow | None, outline: Outline) -> str:
    if row is None:
        return cell
    setting = format_setting(row, outline.base)
    several = len(outline.models) > 1
    return f"{outline.models[row.model].label}: {setting}" if several else setting


def _describe_changes(cells: Sequence[CollectedCell], names: Sequence[str]) -> Iterator[str]:
    same = []
    for cell, name in list(zip(cells, names, strict=True))[1:]:
        if cell.changed:
            yield say(
                "gallery.change",
                cell=name,
                first=names[0],
                changed=cell.changed,
                shared=cell.shared,
                better=cell.better,
                worse=cell.worse,
            )
        else:
            same.append(name)
    if same:
        yield say("gallery.same", cells="; ".join(same), first=names[0], count=len(same))


def grade_answer(score: float | None, *, higher: bool, bounded: bool) -> str:
    """Return how right an answer is; a score of captions has no upper bound that says so."""
    if score is None:
        return "unscored"
    if higher:
        best, worst = bounded and score >= 1, score <= 0
    else:
        best, worst = score <= 0, score >= 1
    return "right" if best else "wrong" if worst else "partly"


def _build_sample(
    sample: CollectedSample, names: Sequence[str], grade: Callable[[float | None], str]
) -> ShownSample:
    cells_by_answer: dict[CollectedAnswer, list[str]] = {}
    for name, answer in zip(names, sample.answers, strict=True):
        cells_by_answer.setdefault(answer, []).append(name)
    return ShownSample(
        id=sample.id,
        picture=sample.image,
        prompt=sample.prompt or say("prompt.image_alone"),
        references=" · ".join(sample.references) or DASH,
        changed=sample.changed,
        answers=tuple(
            ShownAnswer(
                settings=tuple(cells),
                cells=_join_cells(cells, names),
                text=_format_answer(answer.text),
                score=format_number(answer.score),
                grade=grade(answer.score),
            )
            for answer, cells in cells_by_answer.items()
        ),
    )


def _format_answer(text: str | None) -> str:
    if text is None:
        return say("gallery.no_answer")
    return text or say("gallery.empty")


def _join_cells(cells: Sequence[str], names: Sequence[str]) -> str:
    if len(cells) == len(names) > 1:
        return say("gallery.all_cells")
    return "; ".join(dict.fromkeys(cells))
