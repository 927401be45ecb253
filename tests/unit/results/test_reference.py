"""The page about the columns of the tables, which the code writes."""

from pathlib import Path

from vlmeter.results.reference import COLUMNS, format_columns_page


def test_the_page_about_columns_matches_the_code(repository: Path) -> None:
    written = (repository / COLUMNS).read_text(encoding="utf-8")
    assert written == format_columns_page(), "`vlmeter reference` writes it anew"
