"""The config's JSON schema and its table of keys, generated from the typed model.

`python -m vlmeter.config.reference` writes both; a test keeps them in step with the code.
"""

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from vlmeter.config.axes import Base, Fixed, Varied
from vlmeter.config.schema import StudyConfig
from vlmeter.files import write_text

SCHEMA = Path("workflow/schemas/config.schema.json")
README = Path("config/README.md")
_BEGIN, _END = "<!-- keys: begin, generated -->", "<!-- keys: end -->"


def schema_text() -> str:
    """Return the JSON schema of a config file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **StudyConfig.model_json_schema(),
    }
    return json.dumps(schema, indent=2) + "\n"


def key_table() -> str:
    """Return a Markdown table of every key with its type, default and description."""
    rows = ["| key | type | default | what it is |", "|---|---|---|---|"]
    rows += [
        f"| `{key}` | {_cell(_type_words(field.annotation))} | {_default(field)} "
        f"| {_cell(field.description or '')} |"
        for key, field in _keys(StudyConfig, "")
    ]
    return "\n".join(rows) + "\n"


def with_table(readme: str) -> str:
    """Return `readme` with the table between its two marks made anew."""
    before, rest = readme.split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n{key_table()}{_END}{after}"


def _keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key, field
        block, suffix = _block(field.annotation)
        # What may be fixed or varied is the axes of `base`, told there.
        if block is not None and block not in (Fixed, Varied):
            yield from _keys(block, f"{key}{suffix}.")


def _block(annotation: Any) -> tuple[type[BaseModel] | None, str]:  # noqa: ANN401
    """Return the block that a field holds, and how its key goes on."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for argument in get_args(annotation):
        block, _ = _block(argument)
        if block is not None:
            return block, {dict: ".<name>", list: "[]"}.get(get_origin(annotation), "")
    return None, ""


def _type_words(annotation: Any) -> str:  # noqa: ANN401
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_words(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_words(part) for part in arguments if part is not type(None))
    if origin is list:
        return f"list of {_type_words(arguments[0])}"
    if origin is dict:
        return f"table of {_type_words(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "axes and values" if annotation in (Fixed, Varied, Base) else "block"
    return {str: "text", int: "whole number", float: "number"}.get(annotation, "value")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**needed**"
    if field.default is None or isinstance(field.default, BaseModel):
        return "–"
    return f"`{json.dumps(field.default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the schema and the table, from the repository's root."""
    write_text(SCHEMA, schema_text())
    write_text(README, with_table(README.read_text("utf-8")))


if __name__ == "__main__":
    main()
