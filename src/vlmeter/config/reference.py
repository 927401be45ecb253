"""Generates the config's JSON schema and its table of keys from the typed model.

`vlmeter reference` writes both; a test compares them with the code.
"""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from vlmeter.config.axes import Base, Fixed, Varied
from vlmeter.config.base import Texts
from vlmeter.config.schema import StudyConfig
from vlmeter.source_file import CHECKOUT
from vlmeter.storage.files import write_text

SCHEMA = CHECKOUT / "workflow/schemas/config.schema.json"
README = CHECKOUT / "config/README.md"
_BEGIN, _END = "<!-- keys: begin, generated -->", "<!-- keys: end -->"


def format_schema() -> str:
    """Return the JSON schema of a config file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **StudyConfig.model_json_schema(),
    }
    return json.dumps(schema, indent=2) + "\n"


def format_key_table() -> str:
    """Return a Markdown table of every key with its type, default and description."""
    rows = ["| key | type | default | what it is |", "|---|---|---|---|"]
    rows += [
        f"| `{key}` | {_escape_cell(_format_type(field.annotation))} | {_format_default(field)} "
        f"| {_escape_cell(field.description or '')} |"
        for key, field in _walk_keys(StudyConfig, "")
    ]
    return "\n".join(rows) + "\n"


def replace_key_table(readme: str) -> str:
    """Return `readme` with a new table between its two markers."""
    before, rest = readme.split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n{format_key_table()}{_END}{after}"


def _walk_keys(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key, field
        block, suffix = _find_block(field.annotation)
        # `fix` and `vary` hold the axes of `base`, whose rows describe them.
        if block is not None and block not in (Fixed, Varied, Texts):
            yield from _walk_keys(block, f"{key}{suffix}.")


def _find_block(annotation: Any) -> tuple[type[BaseModel] | None, str]:  # noqa: ANN401
    """Return the block that a field holds, and the suffix of the field's key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    for argument in get_args(annotation):
        block, _ = _find_block(argument)
        if block is not None:
            return block, {dict: ".<name>", list: "[]"}.get(get_origin(annotation), "")
    return None, ""


def _format_type(annotation: Any) -> str:  # noqa: ANN401
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _format_type(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_format_type(part) for part in arguments if part is not type(None))
    if origin is list:
        return f"list of {_format_type(arguments[0])}"
    if origin is dict:
        return f"table of {_format_type(arguments[1])}"
    if annotation is Texts:
        return f"text, or text by language ({', '.join(Texts.model_fields)})"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "axes and values" if annotation in (Fixed, Varied, Base) else "block"
    return {str: "text", int: "whole number", float: "number"}.get(annotation, "value")


def _format_default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**needed**"
    if field.default is None or isinstance(field.default, BaseModel):
        return "–"
    return f"`{json.dumps(field.default)}`"


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def write_config_reference() -> None:
    """Write the schema and the table, from the repository's root."""
    write_text(SCHEMA, format_schema())
    write_text(README, replace_key_table(README.read_text("utf-8")))
