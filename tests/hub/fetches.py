"""Fetches in a process of its own, with another environment, and prints the results as JSON.

Arguments: a folder to write to, and for each fetch `kind@repository@commit`.
"""

import json
import sys
from pathlib import Path

from conftest import Fetcher
from hubserver import Repo

from vlmeter.errors import UserError


def fetch(folder: Path, kind: str, name: str, commit: str) -> dict[str, object]:
    """Return the manifest, or the error and whether the folder holds no result."""
    fetcher = Fetcher(folder)
    repo = Repo(f"{kind}s", name, commit, {})
    try:
        if kind == "model":
            return fetcher.fetch_model(repo, revision=commit)
        return fetcher.fetch_dataset(repo, revision=commit)[1]
    except UserError as error:
        return {"error": str(error), "has no result": fetcher.has_no_result()}


if __name__ == "__main__":
    folder, *fetches = sys.argv[1:]
    results = [
        fetch(Path(folder) / str(number), *argument.split("@"))
        for number, argument in enumerate(fetches)
    ]
    print("\n" + json.dumps(results))
