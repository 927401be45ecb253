"""Columns are guessed by name and kind, and what cannot be guessed is asked for."""

import pytest

from vlmeter.data.describe_columns import DescribedColumn, Kind
from vlmeter.data.guess_columns import guess_columns
from vlmeter.errors import UserError

IMAGE = DescribedColumn("image", Kind.IMAGE)


def text(name: str, *values: object, kind: Kind = Kind.TEXT) -> DescribedColumn:
    return DescribedColumn(name, kind, values=values)


@pytest.mark.parametrize(
    ("columns", "task", "guessed"),
    [
        (
            [text("Question", "a?", "b?"), text("answers", kind=Kind.LIST)],
            "vqa",
            {"question": "Question", "references": "answers"},
        ),
        (
            [
                text("question"),
                text("hint"),
                text("choices", kind=Kind.LIST),
                text("answer", 0, 1, kind=Kind.NUMBER),
            ],
            "multiple_choice",
            {
                "question": "question",
                "context": "hint",
                "choices": "choices",
                "answer_index": "answer",
            },
        ),
        # An option in its own words is no place of it.
        (
            [text("question"), text("options", kind=Kind.LIST), text("answer", "a cat", "a dog")],
            "vqa",
            {"question": "question", "references": "answer"},
        ),
        (
            [text("question", "Describe it.", "Describe it."), text("answer", kind=Kind.LIST)],
            "caption",
            {"references": "answer"},
        ),
        ([text("captions", kind=Kind.LIST)], "caption", {"references": "captions"}),
        ([text("transcription")], "ocr", {"references": "transcription"}),
        (
            [text("question"), DescribedColumn("answers", Kind.TABLE, ("answer", "answer_id"))],
            "vqa",
            {"question": "question", "references": "answers.answer"},
        ),
    ],
)
def test_names_and_kinds_say_what_is_asked(columns, task, guessed) -> None:
    guess = guess_columns([IMAGE, *columns, text("size")], {})

    assert (guess.task, guess.columns) == (task, {"image": "image", **guessed})
    assert "size" in guess.unused
    assert "image" not in guess.unused


def test_a_single_column_with_images_needs_no_usual_name() -> None:
    scan = DescribedColumn("scan", Kind.IMAGE)
    assert guess_columns([scan, text("text")], {}).columns["image"] == "scan"
    with pytest.raises(UserError, match="--columns image=NAME"):
        guess_columns([scan, DescribedColumn("other", Kind.IMAGE), text("text")], {})


def test_what_the_user_says_goes_before_any_guess() -> None:
    columns = [IMAGE, text("question", "a", "b"), text("ask"), text("answer"), text("gold")]

    guess = guess_columns(columns, {"question": "ask", "references": "gold", "id": "question"})

    assert guess.columns == {
        "id": "question",
        "image": "image",
        "question": "ask",
        "references": "gold",
    }
    assert guess.unused == ("answer",)


def test_what_cannot_be_guessed_is_said_with_what_there_is() -> None:
    with pytest.raises(UserError) as refused:
        guess_columns([IMAGE, text("ask"), text("truth"), text("n", kind=Kind.NUMBER)], {})

    assert str(refused.value) == (
        "No column is named as one with the expected answers usually is. There are images: image; "
        "texts: truth; numbers: n. Say which it is: --columns references=NAME."
    ).replace("texts: truth", "texts: ask, truth")


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match='"answers" is none of image, question'):
        guess_columns([IMAGE, text("answer")], {"answers": "answer"})
