"""Code that a model brings along with its weights, and whether it may run."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from vlmeter.errors import UserError


def runs_own_code(name: str, folder: Path, allow: Iterable[str]) -> bool:
    """Say whether a model can only be loaded with code that comes with its weights.

    Raises:
        UserError: it can, and that is not allowed, or its code lies elsewhere.
    """
    config: Any = json.loads((folder / "config.json").read_text())
    places = config.get("auto_map") or {}
    if not places or config.get("model_type") in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
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
