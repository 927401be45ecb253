"""Writes the script that draws charts in a page: Vega with vega-embed, which need no network."""

from pathlib import Path

import vl_convert

from vlmeter.storage.files import write_text

_EXPORT = "window.vegaEmbed = vegaEmbed;"


def bundle_vega(out_js: Path) -> None:
    """Write the libraries as one script.

    Args:
        out_js: Output; it defines `vegaEmbed` and asks for nothing.
    """
    write_text(out_js, vl_convert.javascript_bundle(_EXPORT) + "\n")
