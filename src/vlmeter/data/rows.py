"""Makes a sample of a row of a table, or says why there is none."""

from collections.abc import Callable, Iterable, Mapping

from vlmeter.data.cells import (
    LETTERS,
    Cell,
    CellError,
    read_index,
    read_text,
    read_texts,
    take_cell,
)
from vlmeter.data.image_files import ImageFiles, read_image
from vlmeter.data.job import DataSource
from vlmeter.data.parquet_files import Row
from vlmeter.data.samples import Sample
from vlmeter.errors import UserError, shorten
from vlmeter.storage.texts import compose

_READERS: Mapping[str, Callable[[Cell], object]] = {
    "image": read_image,
    "id": read_text,
    "question": read_text,
    "context": read_text,
    "references": read_texts,
    "choices": read_texts,
    "answer_index": read_index,
}
"""What reads a cell, by what its column holds."""


class UnusableError(ValueError):
    """A sample cannot be used; the message follows the sample's id."""


def open_image_files(source: DataSource) -> ImageFiles:
    """Return the files that an image column may name: those in the source's folder."""
    folder = None if source.path is None else source.find_path()
    return ImageFiles(folder if folder is not None and folder.is_dir() else None)


def make_id(row: Row, columns: Mapping[str, str]) -> str:
    """Return a row's id; its number where the data set gives none, or none that can be read.

    Ids are in Unicode's composed form, so that those that look equal are equal.
    """
    try:
        given = read_text(take_cell(row.values, columns["id"])) if "id" in columns else None
    except CellError:
        given = None
    return compose(given) if given else f"row-{row.number}"


def build_sample(
    row: Row, columns: Mapping[str, str], task: str, image_files: ImageFiles
) -> Sample:
    """Return the sample that a row of the source is.

    Args:
        row: The row.
        columns: The source's columns by what they hold.
        task: What is asked.
        image_files: The files that its image may be in.

    Raises:
        UnusableError: the row has no image, or no answer to compare a prediction with.
        CellError: a cell is of a kind that cannot be used.
    """

    def take(field: str) -> Cell:
        return take_cell(row.values, columns[field]) if field in columns else Cell(field, None)

    picture = image_files.read_picture(take("image"), row.table)
    if isinstance(picture, str):
        raise UnusableError(picture)
    choices = _read_choices(take("choices"))
    index = read_index(take("answer_index"))
    if task == "multiple_choice":
        references = _select_right_choice(choices, index)
        _check_letter(take("answer_index"), choices, references[0])
    else:
        references = _select_filled_texts(read_texts(take("references")))
    return Sample(
        id=compose(read_text(take("id")) or "") or make_id(row, columns),
        image=picture.data,
        file=picture.file,
        question=read_text(take("question")) or "",
        context=read_text(take("context")) or "",
        choices=choices,
        answer_index=index,
        references=references,
    )


def check_kinds(rows: Iterable[Row], columns: Mapping[str, str]) -> None:
    """Check that each column has a value that can be read, among rows that have one at all.

    Args:
        rows: The first rows of a table; no file that they name is opened.
        columns: The source's columns by what they hold.

    Raises:
        UserError: a column holds another kind than is needed; the message names both.
    """
    refused: dict[str, UserError] = {}
    readable: set[str] = set()
    for row in rows:
        for field, column in columns.items():
            try:
                if _READERS[field](take_cell(row.values, column)) is not None:
                    readable.add(field)
            except CellError as error:
                refusal = UserError(f"{row.table}: each of its first samples {error}.")
                refused.setdefault(field, refusal)
    for field, refusal in refused.items():
        if field not in readable:
            raise refusal


def _read_choices(cell: Cell) -> list[str]:
    options = read_texts(cell)
    if options and not isinstance(options, list):
        raise UnusableError(f"has one value as its choices, not a list: {shorten(options, 40)}")
    return ["" if option is None else option for option in options or []]


def _select_right_choice(choices: list[str], index: int | None) -> list[str]:
    if index is None:
        raise UnusableError("has no number or letter of its right option")
    if not 0 <= index < len(choices):
        shown = shorten(index, 20)
        raise UnusableError(f"answer index {shown} is not among its {len(choices)} choices")
    if len(choices) > len(LETTERS):
        raise UnusableError(f"has {len(choices)} choices, and there are {len(LETTERS)} letters")
    if not choices[index].strip():
        raise UnusableError(f"has an empty text as its right choice {index}")
    return [choices[index]]


def _check_letter(cell: Cell, choices: list[str], right: str) -> None:
    """Check that a letter does not mean one option by its place and another by its text."""
    answer = compose(read_text(cell) or "")
    if answer in map(compose, choices) and answer.isalpha() and answer != compose(right):
        raise UnusableError(
            f'has the answer "{shorten(answer)}", which is one of its choices and the letter of '
            "another: give the number of the right one, from 0"
        )


def _select_filled_texts(texts: list[str | None] | str | None) -> list[str]:
    listed = texts if isinstance(texts, list) else [texts]
    filled = [text for text in listed if text is not None and text.strip()]
    if not filled:
        raise UnusableError("has no reference: every expected text is empty")
    return filled
