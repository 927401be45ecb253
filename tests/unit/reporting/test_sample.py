"""The report that is kept in docs/sample looks as reports look now."""

import re
from pathlib import Path

from study_factory import Files

from vlmeter.config.axes import AXES
from vlmeter.reporting.language import read_catalogue

REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "docs/sample"
HINT = "docs/sample is of another form: run `make demo sample pictures`"
OF_SOME_STUDIES = {"What differs", "Of the peak"}
"""Columns for what not every study has: cells apart from the rest, a peak that is known."""


def ours(text: str) -> str | None:
    """A heading in the catalogue's words, without its unit; None where it is a name or a value."""
    plain = re.sub(r"\s*\([^)]*\)$", "", text.replace("\\", "").strip())
    return plain if plain in KNOWN else None


def _known() -> set[str]:
    messages = read_catalogue("en", REPOSITORY / "report/locales").messages
    texts = (text for message in messages.values() for text in _forms(message))
    return {re.sub(r"\s*\([^)]*\)$", "", text) for text in texts if text}


def _forms(message: object) -> list[str]:
    return [message] if isinstance(message, str) else list(dict(message).values())


KNOWN = _known()


def headings(report: Path) -> set[str | None]:
    found = re.findall(r"^#+ (?:\d+\) )?(.*)$", report.read_text(), re.MULTILINE)
    return {ours(text) for text in found} - {None}


def columns(report: Path) -> set[str | None]:
    """The headings of all tables: each stands above a line of dashes."""
    tables = re.findall(r"^\|(.*)\|\n\|(?: -+:? \|)+$", report.read_text(), re.MULTILINE)
    return {ours(cell) for table in tables for cell in table.split("|")} - {None}


def of_axes() -> set[str]:
    """What a study's tables and sections are called after what it varies."""
    messages = read_catalogue("en", REPOSITORY / "report/locales").messages
    return {str(ours(str(messages[f"axis_{kind}.{axis}"]))) for kind in KINDS for axis in AXES}


KINDS = ("heading", "label")


def test_the_sample_has_the_headings_of_a_report(rendered: Files) -> None:
    kept, made = (headings(folder / "report.md") for folder in (SAMPLE, rendered.folder))
    assert (kept ^ made) - of_axes() == set(), HINT
    assert len(kept) > 5


def test_the_sample_s_tables_have_the_columns_of_a_report(rendered: Files) -> None:
    kept, made = (columns(folder / "report.md") for folder in (SAMPLE, rendered.folder))
    assert (kept ^ made) - of_axes() - OF_SOME_STUDIES == set(), HINT
    assert {"WER", "Latency", "Energy", "Peak memory", "Answers changed"} <= kept


def test_the_sample_s_page_is_laid_out_as_a_page_is(rendered: Files) -> None:
    kept, made = ((folder / "study.html").read_text() for folder in (SAMPLE, rendered.folder))
    style = re.compile(r"<style>(.*?)</style>", re.DOTALL)
    assert style.search(kept)[1] == style.search(made)[1], HINT
    parts = [set(re.findall(r'<section id="([\w-]+)"', page)) for page in (kept, made)]
    assert {part for part in parts[0] ^ parts[1] if not part.startswith("s-")} == set(), HINT


def test_the_sample_shows_its_figures() -> None:
    named = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (SAMPLE / "report.md").read_text())
    assert named
    assert [name for name in named if not (SAMPLE / name).is_file()] == []
    assert sum(file.stat().st_size for file in SAMPLE.rglob("*") if file.is_file()) < 3_000_000
