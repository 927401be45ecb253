"""Makes up rows of the summary with a request."""

import json
from typing import Any

from record_factory import AXES
from row_factory import make_row

from vlmeter.axes import Axes
from vlmeter.measure.request.result import PARTS, PREPROCESSING
from vlmeter.reporting.language import LANGUAGES
from vlmeter.results.outline import Labels, SettingsPlan
from vlmeter.results.summary_row import SummaryRow

LABELS = Labels({"coco": "COCO"}, {AXES["model"]: "M"})
PLAN = SettingsPlan(Axes(**AXES), dict.fromkeys(LANGUAGES, LABELS))

SECONDS = {
    **{"decode_image": 0.02, "resize": 0.01, "processor": 0.05, "tokenize": 0.02},
    **{"transfer": 0.01, "vision": 0.2, "connector": 0.04, "prefill": 0.15, "decode": 0.48},
    **{"detokenize": 0.01, "other": 0.01},
}
"""Of the parts: a whole second, a tenth of it preprocessing."""


def make_requested_row(
    seconds: dict[str, float | None] | None = None, spread: float = 0.01, **values: Any
) -> SummaryRow:
    """Return a row whose request has these parts, each known to within a share of itself."""
    parts_s = {**SECONDS, **(seconds or {})}
    whole = sum(value or 0.0 for value in parts_s.values())
    preprocessing = sum(parts_s[part] or 0.0 for part in PREPROCESSING) / whole
    parts = [_make_part(part, parts_s[part], spread) for part in PARTS]
    request = {
        "request_s": whole,
        "request_low_s": whole * (1 - spread),
        "request_high_s": whole * (1 + spread),
        "request_samples_per_s": values.get("batch_size", 1) / whole,
        "request_parts": json.dumps(parts),
        "request_preprocessing_share": preprocessing,
        "request_preprocessing_low": preprocessing * (1 - spread),
        "request_preprocessing_high": preprocessing * (1 + spread),
        "vision_share": None if parts_s["vision"] is None else parts_s["vision"] / whole,
        "latency": whole / 2,
    }
    return make_row(**{**request, **values})


def _make_part(name: str, seconds: float | None, spread: float) -> dict[str, Any]:
    if seconds is None:
        return {"name": name, "seconds": None, "low_s": None, "high_s": None, "reason": "why"}
    ends = {"low_s": seconds * (1 - spread), "high_s": seconds * (1 + spread)}
    return {"name": name, "seconds": seconds, **ends, "reason": None}
