"""What lmms-eval's task calls for a sample of the demo's signs; runs in the peer's environment."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image


def open_image(sample: Mapping[str, Any]) -> list[Image.Image]:
    """Return the picture, which `datasets` has decoded or not."""
    image = sample["image"]
    if isinstance(image, dict):
        image = Image.open(io.BytesIO(image["bytes"]))
    return [image.convert("RGB")]


def score(sample: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    """Return whether the answer, which the prompt stands before, is one of the expected."""
    return {"exact_match": float(answers[0].split()[-1] in sample["answers"])}
