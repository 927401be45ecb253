"""The finished study of the workflow's tests, to be harmed here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))

from finished import finished, first_run

__all__ = ["finished", "first_run"]
