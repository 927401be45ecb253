from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from vlmeter.errors import UserError
from vlmeter.status import Status
from vlmeter.storage.typed import from_plain

FILE = Path("a.json")


@dataclass(frozen=True)
class Part:
    name: str
    weight: float | None


@dataclass(frozen=True)
class Missing:
    reason: str


class Key(NamedTuple):
    name: str
    place: int


@dataclass(frozen=True)
class Whole:
    status: Status
    count: int
    ready: bool
    parts: list[Part]
    pair: tuple[float, ...]
    by_name: dict[str, int]
    detail: Part | Missing
    other: Part | Missing | None
    anything: object
    size: int | str
    key: Key
    choice: Literal["a", "b"]
    words: list[str] = field(default_factory=list)


PLAIN = {
    "status": "ok",
    "count": 2,
    "ready": True,
    "parts": [{"name": "a", "weight": 1}, {"name": "b", "weight": None}],
    "pair": [0.5, 1],
    "by_name": {"a": 1},
    "detail": {"reason": "none"},
    "other": None,
    "anything": {"at": ["all"]},
    "size": "large",
    "key": ["a", 1],
    "choice": "b",
}


def test_every_value_comes_as_its_type():
    assert from_plain(Whole, {**PLAIN, "no field": 1}, FILE) == Whole(
        status=Status.OK,
        count=2,
        ready=True,
        parts=[Part("a", 1), Part("b", None)],
        pair=(0.5, 1),
        by_name={"a": 1},
        detail=Missing("none"),
        other=None,
        anything={"at": ["all"]},
        size="large",
        key=Key("a", 1),
        choice="b",
        words=[],
    )


def test_an_integer_that_stands_for_a_number_stays_one():
    assert type(from_plain(Part, {"name": "a", "weight": 1}, FILE).weight) is int


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"status": "fine"}, "a.json: status is 'fine', not a status"),
        ({"count": True}, "a.json: count is True, not a integer"),
        ({"count": 1.0}, "a.json: count is 1.0, not a integer"),
        ({"ready": 1}, "a.json: ready is 1, not a flag"),
        ({"parts": {}}, "a.json: parts is {}, not a list"),
        ({"parts": [{"name": 3, "weight": 1}]}, "a.json: parts[0].name is 3, not a text"),
        ({"parts": [{"name": "a"}]}, "a.json lacks parts[0].weight"),
        ({"pair": [float("inf")]}, "a.json: pair[0] is inf, not a number"),
        ({"by_name": {"a": "b"}}, "a.json: by_name.a is 'b', not a integer"),
        ({"detail": None}, "a.json: detail is None, not a table"),
        ({"detail": {"name": "a", "weight": "b"}}, "a.json: detail.weight is 'b', not a number"),
        ({"other": {"nothing": 1}}, "a.json lacks other.name"),
        ({"size": 1.5}, "a.json: size is 1.5, not a text/integer"),
        ({"key": ["a"]}, "a.json: key is ['a'], not a list of 2"),
        ({"choice": []}, "a.json: choice is [], not a a/b"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change, sentence):
    with pytest.raises(UserError) as error:
        from_plain(Whole, {**PLAIN, **change}, FILE)
    assert str(error.value) == f"{sentence}: delete it and run again."


def test_what_stands_within_a_file_has_its_whole_path():
    with pytest.raises(UserError, match=r"a\.json lacks cells\.part\.weight"):
        from_plain(Part, {"name": "a"}, FILE, "cells.part")
    with pytest.raises(UserError, match=r"a\.json: its content is 3, not a table"):
        from_plain(Part, 3, FILE)
