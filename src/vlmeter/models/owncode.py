"""Code that a model brings along with its weights, and whether it may run."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from vlmeter.errors import UserError


def config_of(name: str, folder: Path) -> dict[str, Any]:
    """Return what a model's config.json says.

    Raises:
        UserError: it is no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"model {name}: its config.json is no JSON ({error}).") from None
    if not isinstance(config, dict):
        raise UserError(f"model {name}: its config.json holds no JSON object.")
    return config


def runs_own_code(name: str, folder: Path, allow: Iterable[str]) -> bool:
    """Say whether a model can only be loaded with code that comes with its weights.

    Raises:
        UserError: it can, and that is not allowed, or its code lies elsewhere.
    """
    config = config_of(name, folder)
    places = config.get("auto_map")
    if (
        not places
        or not isinstance(places, dict)
        or config.get("model_type") in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    ):
        return False
    place = str(next(iter(places.values())))
    if "remote_code" not in allow:
        raise UserError(
            f"model {name} brings code of its own ({place}), which would run on this machine: if "
            "you have read it and trust it, add `allow: [remote_code]` to models.*.source."
        )
    if "--" in place:
        raise UserError(
            f"model {name} takes its code from another repository ({place}), whose commit nobody "
            "pins: download both into one folder and give it as models.*.source.path."
        )
    return True
