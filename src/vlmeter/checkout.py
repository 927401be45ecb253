"""Where the files of the workflow itself lie, whatever the working directory is."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder that holds the `Snakefile`, `report/` and `workflow/`."""


def locate(name: str) -> Path:
    """Return the path of a file of the checkout, as Snakemake is to note it.

    It is relative where the checkout is the working directory, so that a study which moves with its
    checkout has nothing to do.

    Args:
        name: Its path below the checkout.
    """
    return Path(name) if Path.cwd() == CHECKOUT else CHECKOUT / name
