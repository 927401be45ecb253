import re

import pytest
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES,
)

from vlmeter.models.packages import list_packages
from vlmeter.models.reference import PAGE, format_type_row
from vlmeter.models.support import PROVED


@pytest.fixture(scope="module")
def rows():
    """Return the rows of the generated table, by model type."""
    text = PAGE.read_text("utf-8").split("<!-- types: begin, generated -->")[1]
    return {row[1]: row[0] for row in re.finditer(r"^\| `([\w.-]+)` \|.*\|$", text, re.MULTILINE)}


def test_every_type_of_transformers_has_its_row(rows):
    assert set(rows) == {
        *MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        *MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES,
    }


def test_nearly_all_types_for_images_and_text_load_and_the_others_say_why_not(rows):
    types = set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    refused = {name for name in types if re.search(r"\| no: \w+", rows[name])}
    assert len(types) >= 97
    assert len(types - refused) >= 89


def test_every_row_names_the_packages_and_what_is_proved(rows):
    for name, row in rows.items():
        _, _, loads, proved, _ = (cell.strip() for cell in row.split("|"))
        packages = " and ".join(list_packages(name))
        if not loads.startswith("no: "):
            assert loads == (f"with {packages}" if packages else "yes")
        assert proved == ("yes" if name in PROVED else "")


@pytest.mark.parametrize(
    "name", ["qwen2_vl", "llama4", "gemma3n", "evolla", "instructblipvideo", "voxtral", "pi0"]
)
def test_a_row_says_what_its_classes_say(rows, name):
    assert rows[name] == format_type_row(name)
