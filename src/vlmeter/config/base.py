"""The ground that every block of the config stands on: strict keys, readable names."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=80)]
"""A name that is safe in a path, a wildcard and a table."""
Revision = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_-]+)*$")
]
"""A commit, branch or tag; one that could be a path out of a folder is none."""
HubId = Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?`, or the known names where none is near."""
    names = list(known)
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known here: {', '.join(sorted(names))}" if names else ""


class Block(BaseModel):
    """A block of the config: unknown keys are mistakes, and the nearest known one is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        if isinstance(data, dict):
            wrong = [
                f'unknown key "{key}"{did_you_mean(key, cls.model_fields)}'
                for key in data
                if key not in cls.model_fields
            ]
            if wrong:
                raise ValueError("; ".join(wrong))
        return data
