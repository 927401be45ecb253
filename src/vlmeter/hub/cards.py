"""What a repository's card says about itself."""

from collections.abc import Mapping


def licence_in(card: Mapping[str, object]) -> str | None:
    """Return the licence that the head of a card names, or None."""
    licence = card.get("license")
    if licence == "other":
        # The name, where there is one, says more.
        licence = card.get("license_name") or card.get("license_link") or licence
    if isinstance(licence, list):
        return ", ".join(map(str, licence)) or None
    return None if licence is None else str(licence)
