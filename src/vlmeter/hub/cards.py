"""The licence that a repository's card names."""

from collections.abc import Mapping


def find_licence(card: Mapping[str, object]) -> str | None:
    """Return the licence in a card's metadata, or None."""
    licence = card.get("license")
    if licence == "other":
        # "other" says nothing by itself: the card may name or link the licence as well.
        licence = card.get("license_name") or card.get("license_link") or licence
    if isinstance(licence, list):
        return ", ".join(map(str, licence)) or None
    return None if licence is None else str(licence)
