"""The languages of the report: a catalogue per language holds each sentence under a key.

Texts of users, models, data sets and records are data and stay as they are.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from vlmeter.errors import UserError, one_line
from vlmeter.reporting.recorded import Reader, RecordedTexts
from vlmeter.results.numbers import NumberStyle, use_style
from vlmeter.source_file import CHECKOUT

LANGUAGES = ("en", "ru")
"""Files in the first language have no language in their name."""
LOCALES = CHECKOUT / "report/locales"
_FORMS = frozenset({"one", "few", "many", "other"})
"""Names of plural forms in CLDR."""

Message = str | Mapping[str, str]
"""A text with `{placeholders}`, or such a text per plural form."""


class Catalogue:
    """The texts of one language."""

    def __init__(self, language: str, messages: Mapping[str, Message]) -> None:
        self.language = language
        self.messages = messages

    def format(self, key: str, values: Mapping[str, object]) -> str:
        """Return a text with its values; `count` chooses the plural form."""
        message = self.messages[key]
        if not isinstance(message, str):
            message = message[choose_plural_form(self.language, int(str(values["count"])))]
        return message.format_map(values)


@cache
def read_catalogue(language: str, folder: Path) -> Catalogue:
    """Read a language's catalogue.

    Raises:
        UserError: the file is missing or is not a catalogue.
    """
    path = folder / f"{language}.yaml"
    try:
        # Every job that draws reads them, for which the loader in Python takes ten times as long.
        read = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # nosec B506
        return Catalogue(language, dict(_flatten(read, "")))
    except (OSError, AttributeError, TypeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path} cannot be read as a catalogue of texts: {one_line(error)}"
        ) from None


_current: ContextVar[tuple[str, Path]] = ContextVar("language", default=(LANGUAGES[0], LOCALES))


@contextmanager
def use_language(language: str, folder: Path = LOCALES) -> Iterator[None]:
    """Set the language of `say` within a `with` block, with the catalogues in `folder`."""
    token = _current.set((language, folder))
    try:
        with use_style(_read_style(language, folder)):
            yield
    finally:
        _current.reset(token)


def _read_style(language: str, folder: Path) -> NumberStyle:
    messages = read_catalogue(language, folder).messages
    return NumberStyle(
        decimal=str(messages["number.decimal"]),
        between=str(messages["number.between"]),
        units={
            key.removeprefix("unit."): str(text)
            for key, text in messages.items()
            if key.startswith("unit.")
        },
    )


def get_language() -> str:
    """Return the current language."""
    return _current.get()[0]


def say(key: str, **values: object) -> str:
    """Return the text of a key in the current language."""
    return read_catalogue(*_current.get()).format(key, values)


def translate(text: object) -> str:
    """Return a text of a record in the current language; unchanged if no catalogue has it.

    Records are in English: labels of metrics, kinds of layer, sources of energy, and why something
    was not measured.
    """
    return _translate(str(text), *_current.get())


# Thousands of settings may have the same reason.
@lru_cache(maxsize=4096)
def _translate(text: str, language: str, folder: Path) -> str:
    if language == LANGUAGES[0]:
        return text
    catalogue = read_catalogue(language, folder)
    reader = Reader(catalogue.format, str(catalogue.messages["number.decimal"]))
    return read_recorded_texts(folder).translate(text, reader) or text


def translate_parts(text: str) -> str:
    """Return a text of a record with each definition that the catalogues have translated."""
    language, folder = _current.get()
    catalogue = read_catalogue(language, folder)
    for english, key in read_recorded_texts(folder).find_fixed("recorded.definition.").items():
        text = text.replace(english, catalogue.format(key, {}))
    return text


@cache
def read_recorded_texts(folder: Path) -> RecordedTexts:
    """Read the texts of records that the catalogues in a folder have."""
    return RecordedTexts(read_catalogue(LANGUAGES[0], folder).messages)


def get_page_path(path: Path, language: str) -> Path:
    """Return the path of a file in a language: `report.md`, `report.ru.md`."""
    return path if language == LANGUAGES[0] else path.with_suffix(f".{language}{path.suffix}")


def get_figure_path(path: Path, language: str) -> Path:
    """Return the path of a figure in a language: in a folder with the language's name."""
    return path if language == LANGUAGES[0] else path.parent / language / path.name


def choose_plural_form(language: str, count: int) -> str:
    """Return the plural form of a whole number, by CLDR's rules."""
    if language == "ru":
        if count % 10 == 1 and count % 100 != 11:
            return "one"
        few = count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14)
        return "few" if few else "many"
    return "one" if count == 1 else "other"


def _flatten(block: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Message]]:
    for name, value in block.items():
        key = f"{prefix}{name}"
        if isinstance(value, str) or (isinstance(value, dict) and value.keys() <= _FORMS):
            yield key, value
        else:
            yield from _flatten(value, f"{key}.")
