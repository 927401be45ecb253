"""The schema and the table of keys are what the code says."""

import json

from vlmeter.config.axes import AXES, Base, Fixed, Varied
from vlmeter.config.reference import README, SCHEMA, key_table, schema_text, with_table
from vlmeter.study import Axes


def test_the_schema_file_is_in_step_with_the_code(repository):
    assert (repository / SCHEMA).read_text() == schema_text()


def test_the_table_of_keys_is_in_step_with_the_code(repository):
    readme = (repository / README).read_text()
    assert with_table(readme) == readme


def test_every_key_of_the_table_is_described():
    rows = [line.split(" | ") for line in key_table().splitlines()[2:]]
    assert [row[0] for row in rows if row[-1].strip(" |") == ""] == []


def test_the_schema_refuses_unknown_keys_in_every_block():
    blocks = json.loads(schema_text())["$defs"].values()
    tables = [block for block in blocks if block.get("type") == "object"]
    assert all(block["additionalProperties"] is False for block in tables)


def test_every_axis_can_be_based_fixed_and_varied():
    for block in (Base, Fixed, Varied):
        assert tuple(block.model_fields) == AXES
    assert tuple(Axes.__dataclass_fields__) == AXES
