"""A sentence on how far a study can be trusted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """A sentence on how far the study can be trusted."""

    text: str
    warning: bool
    """Whether values are in doubt."""
    anchor: str = ""
    """By which links of the page name it; empty where none does."""
