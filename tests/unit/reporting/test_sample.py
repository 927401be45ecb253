"""The report in docs/sample has the form of a report that the code writes now."""

import re
from pathlib import Path

from study_files import Files

from vlmeter.axes import AXIS_NAMES
from vlmeter.reporting.language import read_catalogue

REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "docs/sample"
HINT = "docs/sample is of another form: run `make demo sample pictures`"
MEASURED_HINT = "docs/measurements is of another form: run `make measurements`"
OF_SOME_STUDIES = {
    *("What differs", "Of the peak"),
    *("Per right answer", "Tokens per J", "Of it idle", "1,000 requests", "1,000 right answers"),
    *("1 million requests", "1 million right answers"),
    *("Memory", "Largest batch", "Batches measured", "A further sample"),
}
"""Columns that some studies lack: differences between cells, a measured peak, the energy of
generations, prices, and memories of which is asked what fits."""


def strip_unit(text: str) -> str | None:
    """Return a heading of the catalogue without its unit; None for a name or a value."""
    plain = re.sub(r"\s*\([^)]*\)$", "", text.replace("\\", "").strip())
    return plain if plain in CATALOGUE_TEXTS else None


def _list_catalogue_texts() -> set[str]:
    messages = read_catalogue("en", REPOSITORY / "report/locales").messages
    texts = (text for message in messages.values() for text in _list_forms(message))
    return {re.sub(r"\s*\([^)]*\)$", "", text) for text in texts if text}


def _list_forms(message: object) -> list[str]:
    return [message] if isinstance(message, str) else list(dict(message).values())


CATALOGUE_TEXTS = _list_catalogue_texts()


def list_headings(report: Path) -> set[str | None]:
    headings_ = re.findall(r"^#+ (?:\d+\) )?(.*)$", report.read_text("utf-8"), re.MULTILINE)
    return {strip_unit(text) for text in headings_} - {None}


def list_columns(report: Path) -> set[str | None]:
    """Return the headings of all tables, which stand above a line of dashes."""
    tables = re.findall(r"^\|(.*)\|\n\|(?: -+:? \|)+$", report.read_text("utf-8"), re.MULTILINE)
    return {strip_unit(cell) for table in tables for cell in table.split("|")} - {None}


def list_axis_texts() -> set[str]:
    """Return the headings that name the axes that a study varies."""
    messages = read_catalogue("en", REPOSITORY / "report/locales").messages
    return {
        str(strip_unit(str(messages[f"axis_{kind}.{axis}"])))
        for kind in KINDS
        for axis in AXIS_NAMES
    }


KINDS = ("heading", "label")


def test_the_sample_has_the_headings_of_a_report(rendered: Files) -> None:
    kept, made = (list_headings(folder / "report.md") for folder in (SAMPLE, rendered.folder))
    assert (kept ^ made) - list_axis_texts() == set(), HINT
    assert len(kept) > 5


def test_the_tables_of_the_sample_have_the_columns_of_a_report(rendered: Files) -> None:
    kept, made = (list_columns(folder / "report.md") for folder in (SAMPLE, rendered.folder))
    assert (kept ^ made) - list_axis_texts() - OF_SOME_STUDIES == set(), HINT
    assert {"WER", "Latency", "Energy", "Peak memory", "Answers changed"} <= kept


def test_the_page_of_the_sample_has_the_layout_of_a_page(rendered: Files) -> None:
    kept, made = ((folder / "study.html").read_text() for folder in (SAMPLE, rendered.folder))
    style = re.compile(r"<style>(.*?)</style>", re.DOTALL)
    assert style.search(kept)[1] == style.search(made)[1], HINT
    parts = [set(re.findall(r'<section id="([\w-]+)"', page)) for page in (kept, made)]
    assert {part for part in parts[0] ^ parts[1] if not part.startswith("s-")} == set(), HINT


def test_the_published_study_beside_measured_values_is_a_page_of_today(rendered: Files) -> None:
    named = re.findall(r"\]\((\S*/study\.html)\)", (SAMPLE / "README.md").read_text())
    kept, made = ((SAMPLE / named[0]).read_text(), (rendered.folder / "study.html").read_text())
    style = re.compile(r"<style>(.*?)</style>", re.DOTALL)
    assert style.search(kept)[1] == style.search(made)[1], MEASURED_HINT
    assert '<section id="published"' in kept


def test_the_sample_shows_its_figures() -> None:
    named = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (SAMPLE / "report.md").read_text())
    assert named
    assert [name for name in named if not (SAMPLE / name).is_file()] == []
    assert sum(file.stat().st_size for file in SAMPLE.rglob("*") if file.is_file()) < 3_000_000
