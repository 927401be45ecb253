"""Builds the page's header: what was measured, on what, when, and compared with which setting."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vlmeter.machine.description import Machine
from vlmeter.provenance import software_versions
from vlmeter.reporting.language import get_language, get_page_path, say
from vlmeter.reporting.machine import describe_processors
from vlmeter.reporting.settings import format_values
from vlmeter.results.outline import Outline
from vlmeter.storage.layout import StudyFolder


@dataclass(frozen=True)
class Header:
    """What stands above the verdict."""

    about: tuple[str, ...]
    """Models, machine, date and version."""
    base: str
    """The setting that the others are compared with."""
    files: tuple[tuple[str, str], ...]
    """Heading and address of the same results in other forms, beside the page."""


def build_header(outline: Outline, machine: Machine, summary_csv: Path) -> Header:
    """Return the header.

    Args:
        outline: The study's outline.
        machine: The machine that the study ran on.
        summary_csv: Its time is the date of the results: it is written when a record changes.
    """
    folder = StudyFolder(Path())
    varied = {axis for section in outline.sections for axis in section.varied}
    base = outline.base.as_dict()
    compared = {axis: base[axis] for axis in base if axis in varied and axis != "model"}
    day = datetime.fromtimestamp(summary_csv.stat().st_mtime, UTC)
    return Header(
        about=(
            *(model.label for model in outline.models.values()),
            describe_processors(machine),
            say(f"date.{day.month}", day=day.day, year=day.year),
            f"VLMeter {software_versions(('vlmeter',))['vlmeter']}",
        ),
        base=format_values(compared or base),
        files=(
            ("CSV", folder.summary.name),
            ("JSON", folder.study.name),
            ("Markdown", get_page_path(folder.report, get_language()).name),
        ),
    )
