"""The form of a chart: a Vega-Lite or Vega spec, or a part of one, as JSON has it."""

from typing import Any

Spec = dict[str, Any]
"""What Vega-Lite takes decides its keys: see its schema."""
