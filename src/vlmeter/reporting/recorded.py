"""Texts of records in a reader's language: fixed ones, and sentences with values in them.

Records are in English. An English text of the catalogue stands for all that differ from it in
their values alone, and those values go into the sentence of the other language.
"""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

PREFIX = "recorded."
"""Of the keys of such texts."""
_FORMS = {
    "": ".+?",
    "name": ".+?",
    "number": r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?",
    "word": r"[^\s,;:]+",
}
"""What a placeholder takes, by what follows its colon: `{seconds:number}`.

A number that is none of a version is one: it takes the language's decimal sign. A name is what
somebody wrote, such as a column "texts": it stays, even where the catalogue has its words.
"""
_CLAUSES, _HEAD, _LIST = "; ", ": ", ", "
_LONGEST, _MOST_HEADS = 1000, 8
"""Characters and colons of the longest sentence that is looked at, whatever a record holds."""


class Reader(NamedTuple):
    """What is known of a reader's language."""

    write: Callable[[str, Mapping[str, object]], str]
    """Writes the text of a key with its values."""
    decimal: str
    """The decimal sign."""


class _Value(str):
    """A value of a sentence; what kind it is was for the English text to say."""

    __slots__ = ()

    def __format__(self, kind: str) -> str:
        return str(self)


class _Pattern(NamedTuple):
    key: str
    form: re.Pattern[str]
    kinds: Mapping[str, str]
    """Of its placeholders, by their names."""


class RecordedTexts:
    """The English texts of a catalogue that records hold."""

    def __init__(self, messages: Mapping[str, object]) -> None:
        """Take the texts below `recorded` from all messages of the English catalogue."""
        self._fixed: dict[str, str] = {}
        self._patterns: list[_Pattern] = []
        for key, text in messages.items():
            if not key.startswith(PREFIX):
                continue
            kinds = list_placeholders(str(text))
            if kinds:
                self._patterns.append(_Pattern(key, compile_form(str(text)), kinds))
            else:
                self._fixed[str(text).format()] = key

    def translate(self, text: str, reader: Reader) -> str | None:
        """Return a text in a reader's language; None where the catalogue does not have it.

        A text of several sentences, or of a sentence behind a name, is translated as far as the
        catalogue has its parts: what a library said in its own words stays.
        """
        key = self._fixed.get(text)
        if key is not None:
            return reader.write(key, {})
        clauses = text.split(_CLAUSES)
        written = [self.translate(each, reader) for each in clauses] if len(clauses) > 1 else []
        if written and None not in written:
            # Of two sentences of one form the values would be taken for those of a single one.
            return _CLAUSES.join(filter(None, written))
        whole = self._translate_sentence(text, reader)
        if whole is not None:
            return whole
        return _join(_CLAUSES, written, clauses) or self._translate_around_colon(text, reader)

    def find_fixed(self, start: str) -> dict[str, str]:
        """Return the keys of the texts without placeholders whose key starts so, by their texts."""
        return {text: key for text, key in self._fixed.items() if key.startswith(start)}

    def _translate_sentence(self, text: str, reader: Reader) -> str | None:
        if len(text) > _LONGEST:
            return None
        for pattern in self._patterns:
            match = pattern.form.fullmatch(text)
            if match is not None:
                values = {
                    name: _Value(self._translate_value(value, pattern.kinds[name], reader))
                    for name, value in match.groupdict().items()
                }
                return reader.write(pattern.key, values)
        return None

    def _translate_value(self, value: str, kind: str, reader: Reader) -> str:
        if kind == "number":
            return value.replace(".", reader.decimal)
        if kind == "name":
            return value
        return self.translate(value, reader) or self._translate_list(value, reader) or value

    def _translate_list(self, value: str, reader: Reader) -> str | None:
        """Return a list of terms; None where the catalogue lacks one of them."""
        keys = [self._fixed.get(term) for term in value.split(_LIST)]
        return None if None in keys else _LIST.join(reader.write(key, {}) for key in keys if key)

    def _translate_around_colon(self, text: str, reader: Reader) -> str | None:
        """Return a sentence behind a name, or before its cause."""
        parts = text.split(_HEAD, maxsplit=1)
        if not 1 <= text.count(_HEAD) <= _MOST_HEADS:
            return None
        return _join(_HEAD, [self.translate(part, reader) for part in parts], parts)


def _join(separator: str, written: Sequence[str | None], parts: Sequence[str]) -> str | None:
    """Join what is translated with what is not; None where that is single words at most."""
    pairs = list(zip(written, parts, strict=False))
    if not any(new and " " in part for new, part in pairs):
        return None
    return separator.join(new if new and " " in part else part for new, part in pairs)


def list_placeholders(text: str) -> dict[str, str]:
    """Return the kinds of a text's placeholders by their names."""
    parsed = string.Formatter().parse(text)
    return {name: kind or "" for _, name, kind, _ in parsed if name}


def compile_form(text: str) -> re.Pattern[str]:
    """Return what matches all that a text with placeholders stands for.

    Raises:
        KeyError: a placeholder asks for a kind that is none.
    """
    form = "".join(
        re.escape(words) + (f"(?P<{name}>{_FORMS[kind or '']})" if name else "")
        for words, name, kind, _ in string.Formatter().parse(text)
    )
    return re.compile(form)
