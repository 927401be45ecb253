"""Guesses from names and kinds which column of a data set holds what, and what it asks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.data.cells import Cell, CellError, read_index
from vlmeter.data.describe_columns import DescribedColumn, Kind
from vlmeter.errors import UserError, list_names, shorten
from vlmeter.storage.texts import compose


class _Usual(NamedTuple):
    """What data sets usually call a column, the surest name first, and what it may hold."""

    names: tuple[str, ...]
    kinds: Collection[Kind]


_TEXTS = (Kind.TEXT, Kind.NUMBER)
_ANSWERS = (Kind.TEXT, Kind.NUMBER, Kind.LIST)
_CAPTIONS = ("captions", "caption", "sentences", "description", "answer", "answers")
_LETTERINGS = (
    *("ocr_text", "transcription", "transcript", "ocr", "words", "ground_truth", "latex", "text"),
    "label",
)
_USUAL: Mapping[str, _Usual] = {
    "image": _Usual(
        ("image", "images", "img", "picture", "photo", "file_name", "filename", "image_path"),
        (Kind.IMAGE,),
    ),
    "question": _Usual(("question", "query", "instruction", "ask", "problem", "prompt"), _TEXTS),
    "context": _Usual(("hint", "context", "passage"), _TEXTS),
    "choices": _Usual(("choices", "options", "candidates", "endings"), (Kind.LIST,)),
    "answer_index": _Usual(
        ("answer_index", "answer_idx", "correct_index", "gt_index", "answer", "label", "correct"),
        _TEXTS,
    ),
    "references": _Usual(
        (
            *("answers", "answer", "references", "reference", "multiple_choice_answer"),
            *("ground_truth", "target", "label", "labels", "response", *_CAPTIONS, *_LETTERINGS),
        ),
        _ANSWERS,
    ),
}
"""By the config's keys. Names count whatever their case."""


@dataclass(frozen=True)
class Guess:
    """What a data set's block of the config says of its columns."""

    task: str
    columns: Mapping[str, str]
    """The source's columns by what they hold."""
    unused: tuple[str, ...]
    """Columns that are taken for nothing."""


def guess_columns(present: Sequence[DescribedColumn], given: Mapping[str, str]) -> Guess:
    """Guess which column holds what.

    Args:
        present: The columns of the source.
        given: What the user says, by the config's keys; it goes before any guess.

    Raises:
        UserError: nothing can be taken for the image, or for the expected texts; the message says
            what there is, and what to write.
    """
    unknown = next((key for key in given if key not in (*_USUAL, "id")), None)
    if unknown is not None:
        raise UserError(
            f'--columns: "{shorten(unknown)}" is none of {list_names([*_USUAL, "id"])}.'
        )
    columns = {key: compose(name) for key, name in given.items()}

    def take(field: str) -> bool:
        if field not in columns:
            free = [each for each in present if each.name not in columns.values()]
            path = next(_list_candidates(field, free), None)
            if path is not None:
                columns[field] = path
        return field in columns

    if not take("image"):
        raise _explain("image", "image", present)
    take("question")
    take("context")
    if "references" not in columns and take("choices"):
        if take("answer_index"):
            return _finish("multiple_choice", columns, present)
        del columns["choices"]
    if not take("references"):
        raise _explain("references", "expected answers", present)
    if "question" not in given and _says_one_thing(columns.get("question"), present):
        # Words that go with every image alike ask for a caption.
        del columns["question"]
    return _finish(_guess_task(columns), columns, present)


def _list_candidates(field: str, present: Sequence[DescribedColumn]) -> Iterator[str]:
    """Yield what a field may be taken from: a column, or a field of its tables."""
    names, kinds = _USUAL[field]
    for name in names:
        for column in present:
            if column.name.lower() != name:
                continue
            if column.kind in kinds and (field != "answer_index" or _holds_index(column)):
                yield column.name
            if column.kind is Kind.TABLE and field == "references":
                yield from (f"{column.name}.{each}" for each in column.fields if each in names)
    fitting = [column.name for column in present if column.kind in kinds]
    if field == "image" and len(fitting) == 1:
        yield from fitting


def _holds_index(column: DescribedColumn) -> bool:
    try:
        return all(read_index(Cell(column.name, value)) is not None for value in column.values)
    except CellError:
        return False


def _says_one_thing(name: str | None, present: Sequence[DescribedColumn]) -> bool:
    values = next((column.values for column in present if column.name == name), ())
    return len(values) > 1 and len(set(map(str, values))) == 1


def _guess_task(columns: Mapping[str, str]) -> str:
    if "question" in columns:
        return "vqa"
    return "ocr" if columns["references"].lower() in _LETTERINGS else "caption"


def _finish(task: str, columns: Mapping[str, str], present: Sequence[DescribedColumn]) -> Guess:
    order = ("id", *_USUAL)
    used = {path.partition(".")[0] for path in columns.values()} | set(columns.values())
    return Guess(
        task,
        {field: columns[field] for field in order if field in columns},
        tuple(column.name for column in present if column.name not in used),
    )


def _explain(field: str, what: str, present: Sequence[DescribedColumn]) -> UserError:
    shown = "; ".join(
        f"{kind}: {list_names(names)}"
        for kind in Kind
        if (names := [column.name for column in present if column.kind is kind])
    )
    return UserError(
        f"No column is named as one with the {what} usually is. There are {shown}. "
        f"Say which it is: --columns {field}=NAME."
    )
