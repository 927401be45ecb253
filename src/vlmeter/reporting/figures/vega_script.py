"""The script that draws charts in a page: Vega, as vl-convert bundles it, kept between runs."""

from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import platformdirs
import vl_convert

from vlmeter.storage.files import text_sha256, write_text

_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@cache
def read_vega_script() -> str:
    """Return JavaScript that defines `vegaEmbed`, without a request and, by `ast`, without eval.

    To bundle it takes seconds, so it lies in the user's cache, under the version that made it.
    """
    path = _locate()
    with suppress(OSError, UnicodeDecodeError):
        checksum, _, script = path.read_bytes().decode().partition("\n")
        if checksum == text_sha256(script):
            return script
    script = vl_convert.javascript_bundle(_SNIPPET)
    with suppress(OSError):
        write_text(path, f"{text_sha256(script)}\n{script}")
    return script


def _locate() -> Path:
    versions = f"{version('vl-convert-python')}-{vl_convert.get_vega_embed_version()}"
    return platformdirs.user_cache_path("vlmeter") / f"vega-{versions}.js"
