"""The config.json of a model's folder."""

import json
from pathlib import Path
from typing import Any

from vlmeter.errors import UserError, one_line


def read_config(name: str, folder: Path) -> dict[str, Any]:
    """Return the content of a model's config.json.

    Raises:
        UserError: it is no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"model {name}: its config.json is no JSON ({one_line(error)}).") from None
    if not isinstance(config, dict):
        raise UserError(f"model {name}: its config.json holds no JSON object.")
    return config
