"""Sets a section's figures against the tokens of an image, where the section varies them."""

from collections.abc import Sequence
from itertools import groupby

from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.table import TextColumn
from vlmeter.results.numbers import DASH
from vlmeter.results.summary_row import SummaryRow

_DECIDE = {"model", "image_size", "image_input", "max_image_tokens"}
"""Axes by which images may take another number of tokens."""


def make_token_columns(section: SectionRows) -> list[TextColumn]:
    """Return the tokens of an image beside a section's other figures.

    None where the section varies nothing that decides how many they are.
    """
    if _DECIDE.isdisjoint(section.varied):
        return []
    cells = [_format_tokens(row) for row in section.rows]
    measured = any(cell != DASH for cell in cells)
    return [TextColumn(say("table.image_tokens"), cells, numeric=True)] if measured else []


def _format_tokens(row: SummaryRow) -> str:
    """Return the tokens of the images that were timed, with the fewest and the most of all."""
    fewest, timed, most = _get_tokens(row)
    if timed is None:
        return DASH
    return str(timed) if fewest == most else f"{timed} ({fewest}–{most})"


def _get_tokens(row: SummaryRow) -> tuple[int | None, int | None, int | None]:
    return row.image_tokens_min, row.image_tokens, row.image_tokens_max


def list_size_notes(section: SectionRows) -> list[str]:
    """Say where images of another size take as many tokens, and whether that is all."""
    if "image_size" not in section.varied:
        return []
    measured = [place for place in section.places if place.row.image_tokens is not None]
    ordered = sorted(measured, key=_describe_others)
    groups = [list(group) for _, group in groupby(ordered, key=_describe_others)]
    return list(dict.fromkeys(filter(None, map(_describe_sizes, groups))))


def _describe_others(place: Place) -> str:
    """Return what tells a cell from those of other sizes."""
    others = {axis: value for axis, value in place.values.items() if axis != "image_size"}
    return f"{place.dataset} {others}"


def _describe_sizes(places: Sequence[Place]) -> str | None:
    rows = [place.row for place in places]
    if len(rows) < 2 or len({_get_tokens(row) for row in rows}) > 1:
        return None
    alike = len({row.shape_digest for row in rows}) == 1 and rows[0].shape_digest is not None
    return say(
        "note.size_changes_nothing" if alike else "note.size_changes_no_tokens",
        sizes=join_words([str(row.image_size) for row in rows]),
        tokens=_format_tokens(rows[0]),
        dataset=places[0].dataset,
    )
