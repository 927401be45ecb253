"""Which countries' grids codecarbon has a figure for."""

import difflib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vlmeter.errors import shorten

_FIGURES = "data/private_infra/global_energy_mix.json"


@cache
def read_countries() -> dict[str, str]:
    """Return the names of the countries that codecarbon knows, by ISO 3166-1 alpha-3 code."""
    # The package is not imported, which takes seconds: only its table is read.
    package = find_spec("codecarbon")
    assert package is not None, "it is a dependency"
    assert package.origin is not None, "it is a package with files"
    figures = json.loads((Path(package.origin).parent / _FIGURES).read_text("utf-8"))
    return {code: figure["country_name"] for code, figure in figures.items()}


def explain_country(code: str) -> str | None:
    """Say why a code names no country that codecarbon has a figure for; None where it does.

    For a code that it does not have, codecarbon takes the world's average without a word.
    """
    countries = read_countries()
    if code in countries:
        return None
    wanted = code.upper()
    by_name = [each for each, name in countries.items() if name.upper().startswith(wanted)]
    by_code = difflib.get_close_matches(wanted, countries, n=3, cutoff=0.6)
    nearest = list(dict.fromkeys(by_name + by_code))[:3]
    meant = " or ".join(f"{each} ({countries[each]})" for each in nearest)
    return (
        f'codecarbon has no figure for "{shorten(code, 40)}", it knows countries by the three '
        f"letters of ISO 3166-1{f'; did you mean {meant}?' if nearest else ''}; for any other "
        "grid give measure.energy.grid_kg_per_kwh"
    )
