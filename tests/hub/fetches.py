"""Fetches in a process of its own, where the environment is another: prints what came of each.

Run with a folder to write to and, for each fetch, its kind and a repository at a commit.
"""

import json
import sys
from pathlib import Path

from conftest import Fetching
from hubserver import Repo

from vlmeter.errors import UserError


def told(folder: Path, kind: str, name: str, commit: str) -> dict[str, object]:
    fetching = Fetching(folder)
    repo = Repo(f"{kind}s", name, commit, {})
    try:
        if kind == "model":
            return fetching.model(repo, revision=commit)
        return fetching.dataset(repo, revision=commit)[1]
    except UserError as error:
        return {"refused": str(error), "nothing is left": fetching.nothing_is_left()}


if __name__ == "__main__":
    place, *fetches = sys.argv[1:]
    results = [
        told(Path(place) / str(number), *fetch.split("@")) for number, fetch in enumerate(fetches)
    ]
    print("\n" + json.dumps(results))
