"""Describes the prompts that the cells were given."""

import json
from collections.abc import Iterable

from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import say


def prompt_words(row: Row) -> str | None:
    """Return a cell's templates in quotes, or None where the cell has none."""
    if row["prompt_template"] is None:
        return None
    templates = json.loads(row["prompt_template"])
    shown = (template.replace("\n", "↵") for template in templates)
    return say("prompt.or").join(
        f"“{template}”" if template else say("prompt.image_alone") for template in shown
    )


def prompts_used(rows: Iterable[tuple[str, Row]]) -> tuple[tuple[str, str], ...]:
    """Return each data set's distinct prompts: its label with the prompt's name, and the template.

    Args:
        rows: The rows of `summary.csv`, each with its data set's label.
    """
    prompts = {
        (f"{label}, {row['prompt']}", words): None
        for label, row in rows
        if (words := prompt_words(row)) is not None
    }
    return tuple(prompts)
