"""Counted nouns, in what the terminal says of a study."""


def format_count(count: int, noun: str) -> str:
    """Return how many things there are, e.g. `1 cell` or `2 cells`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
