"""What all blocks of the config share: strict keys, and the types of names."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from vlmeter.errors import list_names, shorten

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=80)]
"""A name that is safe in a path, a wildcard and a table."""
Revision = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*$")
]
"""A commit, branch or tag; text that could be a path out of a folder does not match."""
_LONGEST_WORD = 100
HubId = Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]


def suggest_name(word: str, options: Iterable[str]) -> str:
    """Return `; did you mean "x"?`, or all options where none is similar."""
    names = list(options)
    similar = difflib.get_close_matches(str(word)[:_LONGEST_WORD], names, n=1, cutoff=0.6)
    if similar:
        return f'; did you mean "{shorten(similar[0])}"?'
    return f"; known here: {list_names(sorted(names))}" if names else ""


class Block(BaseModel):
    """A block of the config: an unknown key is a mistake, and the most similar key is named."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        if isinstance(data, dict):
            problems = [
                f'unknown key "{shorten(key)}"{suggest_name(key, cls.model_fields)}'
                for key in data
                if key not in cls.model_fields
            ]
            if problems:
                raise ValueError("; ".join(problems))
        return data


def _accept_plain_text(schema: dict[str, Any]) -> None:
    table = dict(schema)
    schema.clear()
    schema |= {"anyOf": [{"type": "string"}, table]}


class Texts(Block):
    """A text in each of some languages; a plain text is taken to be English."""

    model_config = ConfigDict(json_schema_extra=_accept_plain_text)

    en: str | None = Field(None, description="The text in English.")
    ru: str | None = Field(None, description="The text in Russian.")

    @model_validator(mode="before")
    @classmethod
    def _read_plain_text(cls, data: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        if isinstance(data, str):
            return {"en": data}
        if not isinstance(data, dict | Texts):
            languages = ", ".join(cls.model_fields)
            raise PydanticCustomError(
                "string_type",
                "give a text, or a table of a text per language ({languages})",
                {"languages": languages},
            )
        return data

    @property
    def by_language(self) -> dict[str, str]:
        """The texts that are not empty, by language."""
        return {name: text for name, text in self if text}

    @property
    def first(self) -> str | None:
        """The first of the texts; None where all are empty."""
        return next(iter(self.by_language.values()), None)
