"""The schema file and the table of keys match the code."""

import json

from vlmeter.axes import AXIS_NAMES, Axes
from vlmeter.config.axes import Base, Fixed, Varied
from vlmeter.config.reference import (
    README,
    SCHEMA,
    format_key_table,
    format_schema,
    replace_key_table,
)


def test_the_schema_file_matches_the_code(repository):
    assert (repository / SCHEMA).read_text() == format_schema()


def test_the_table_of_keys_matches_the_code(repository):
    readme = (repository / README).read_text()
    assert replace_key_table(readme) == readme


def test_every_key_of_the_table_has_a_description():
    rows = [line.split(" | ") for line in format_key_table().splitlines()[2:]]
    assert [row[0] for row in rows if row[-1].strip(" |") == ""] == []


def test_the_schema_refuses_unknown_keys_in_every_block():
    blocks = json.loads(format_schema())["$defs"].values()
    tables = [block for block in blocks if block.get("type") == "object"]
    assert all(block["additionalProperties"] is False for block in tables)


def test_every_axis_stands_in_base_fix_and_vary():
    for block in (Base, Fixed, Varied):
        assert tuple(block.model_fields) == AXIS_NAMES
    assert tuple(Axes.__dataclass_fields__) == AXIS_NAMES
