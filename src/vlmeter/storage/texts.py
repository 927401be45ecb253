"""Texts that look equal are equal: both sides of a comparison are in Unicode's composed form."""

import unicodedata


def compose(text: str) -> str:
    """Return a text in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", text)
