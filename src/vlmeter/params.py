"""Params with texts of the config, as Snakemake's report can hold them.

Its page has the params of the rules that made its files in a script element, as they are: a title
with `</script>` would end that element, and what follows would be run by the browser.
"""

import json
from typing import Any


def packed(value: object) -> str:
    """Return a JSON-plain value as JSON in which no tag can begin or end."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")


def unpacked(text: str) -> Any:  # noqa: ANN401 - whatever was packed
    """Return what `packed` was given."""
    return json.loads(text)
