"""How large the page of a large study is, and how long a browser takes to open it.

`python benchmarks/large_page.py [CELLS] [FOLDER]`, 5,000 without a number: makes a study up, lets
the workflow write its report, and opens the page in Chromium; fails above a bound. A FOLDER keeps
what was made, and is looked at again without making it.
"""

import sys
import tempfile
import time
from pathlib import Path

from made_up_study import CONFIG, fill_results, make_tree
from watched import run_snakemake

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from browser import start_browser

MOST_BYTES, MOST_S = 3_000_000, 3.0
OPENINGS = 3


def write_page(folder: Path, cells: int) -> Path:
    """Return the page of a made-up study below a folder; one that is there is not made again."""
    pages = "results/*/study.html"
    if not list(folder.glob(pages)):
        fill_results(make_tree(folder, cells))
        run_snakemake(folder, "--cores", "2", "--configfile", CONFIG)
    (page,) = folder.glob(pages)
    return page


def time_openings(page: Path) -> list[float]:
    """Return the seconds from the address to the page's load event, opening by opening."""
    taken = []
    # Processes of Chromium write into its profile for a moment after its end.
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        start_browser(Path(profile)) as browser,
    ):
        for _ in range(OPENINGS):
            tab = browser.open_tab()
            begun = time.perf_counter()
            tab.open(page.as_uri())
            taken.append(time.perf_counter() - begun)
    return taken


def main() -> None:
    """Print the size of the page and the time to open it, each with its bound."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as name:
        page = write_page(Path(sys.argv[2] if len(sys.argv) > 2 else name), cells)
        # That of the language which takes more bytes for its letters.
        size = max(each.stat().st_size for each in page.parent.glob("study*.html"))
        seconds = time_openings(page)
    print(f"{cells} cells: {size / 1e6:.2f} MB, at most {MOST_BYTES / 1e6:.0f} MB")
    print(f"opened in {', '.join(f'{each:.2f}' for each in seconds)} s, at most {MOST_S:.0f} s")
    sys.exit(size > MOST_BYTES or max(seconds) > MOST_S)


if __name__ == "__main__":
    main()
