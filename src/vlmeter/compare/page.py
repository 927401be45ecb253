"""Builds the content of the report on two studies; the templates only lay it out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.compare.origins import Trait, compare_origins
from vlmeter.compare.parts import Part, build_parts, is_measured_in_both
from vlmeter.reporting.remarks import was_slowed
from vlmeter.reporting.render_report import (
    TEMPLATES,
    make_html_environment,
    make_markdown_environment,
    render_prose,
)
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.exported import Exported, read_exported
from vlmeter.results.matching import Matched, Pair, match_cells
from vlmeter.results.study_differences import has_same_samples
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status
from vlmeter.storage.files import write_text


@dataclass(frozen=True)
class Side:
    """One of the two studies."""

    letter: str
    name: str
    folder: str
    title: str
    cells: int
    measured: int


@dataclass(frozen=True)
class ComparePage:
    """The whole report."""

    sides: tuple[Side, Side]
    matched: int
    doubts: tuple[str, ...]
    """What a reader must know before reading the first figure."""
    parts: tuple[Part, ...]
    statuses: Table | None
    """Cells whose status differs."""
    only: Table | None
    """Cells of one study alone."""
    differing: Table | None
    shared: Table | None

    @property
    def verdicts(self) -> tuple[tuple[str, str], ...]:
        """Title and verdict of each part."""
        return tuple((part.title, part.verdict) for part in self.parts)


def build_compare_page(a: Exported, b: Exported) -> ComparePage:
    """Build the report on two studies.

    Raises:
        UserError: a table of scores or predictions is damaged; the message names it.
    """
    matched = match_cells(a.rows, b.rows)
    traits = compare_origins(a, b)
    differing, shared = (
        [trait for trait in traits if trait.differs is differs] for differs in (True, False)
    )
    return ComparePage(
        sides=(_describe_study("A", a), _describe_study("B", b)),
        matched=len(matched.pairs),
        doubts=tuple(_list_doubts(a, b, matched)),
        parts=tuple(build_parts(a, b, matched.pairs)),
        statuses=_tabulate_statuses(matched.pairs),
        only=_tabulate_unmatched(matched),
        differing=_tabulate_traits(differing) if differing else None,
        shared=build_table(
            [
                TextColumn("What", [trait.name for trait in shared]),
                TextColumn("In both", [trait.a for trait in shared]),
            ]
        )
        if shared
        else None,
    )


def _describe_study(letter: str, study: Exported) -> Side:
    rows = study.rows.values()
    return Side(
        letter=letter,
        name=study.outline.study,
        folder=str(study.folder),
        title=study.outline.title,
        cells=len(rows),
        measured=sum(row.status == Status.OK for row in rows),
    )


def _list_doubts(a: Exported, b: Exported, matched: Matched) -> Iterator[str]:
    hosts = [
        {row.machine_host for row in study.rows.values() if row.machine_host} for study in (a, b)
    ]
    if all(hosts) and hosts[0] != hosts[1]:
        yield (
            "The two were measured on machines of different hardware: differences of cost are the "
            "machines' as much as the software's."
        )
    both = [pair for pair in matched.pairs if is_measured_in_both(pair)]
    other = [pair for pair in both if pair.a.shape_digest != pair.b.shape_digest]
    if other:
        yield (
            f"{len(other)} of {len(both)} settings did not get the same tokens in the same shapes "
            "in both (marked *): their costs are of different work."
        )
    samples = [pair for pair in both if not has_same_samples(pair)]
    if samples:
        names = ", ".join(dict.fromkeys(pair.dataset for pair in samples))
        yield f"The samples are not the same ({names}): quality is compared without pairing them."
    models = {(pair.a.model, pair.b.model) for pair in matched.pairs}
    renamed = sorted((model_a, model_b) for model_a, model_b in models if model_a != model_b)
    if renamed:
        names = ", ".join(f"{model_a} with {model_b}" for model_a, model_b in renamed)
        yield f"Models with different names are compared by the other axes of a setting: {names}."
    causes = {
        "a GPU was slowed down by heat or its supply": was_slowed,
        "other work ran on the machine": _was_disturbed_otherwise,
    }
    for cause, was_affected in causes.items():
        affected = sum(was_affected(pair.a) or was_affected(pair.b) for pair in both)
        if affected:
            yield (
                f"{affected} of {len(both)} settings were measured while {cause}, in one study or "
                "both, so their times and energies are unreliable."
            )


def _was_disturbed_otherwise(row: SummaryRow) -> bool:
    # What slows a GPU down disturbs its cell too.
    return bool(row.disturbed) and not was_slowed(row)


def _tabulate_statuses(pairs: Sequence[Pair]) -> Table | None:
    changed = [pair for pair in pairs if pair.a.status != pair.b.status]
    if not changed:
        return None
    return build_table(
        [
            TextColumn("Data set", [pair.dataset for pair in changed]),
            TextColumn("Setting", [pair.label for pair in changed]),
            TextColumn("A", [_format_status(pair.a) for pair in changed]),
            TextColumn("B", [_format_status(pair.b) for pair in changed]),
        ]
    )


def _format_status(row: SummaryRow) -> str:
    status = row.status.replace("_", " ")
    return f"{status}: {row.reason}" if row.reason else status


def _tabulate_unmatched(matched: Matched) -> Table | None:
    rows = [*(("A", row) for row in matched.only_a), *(("B", row) for row in matched.only_b)]
    if not rows:
        return None
    return build_table(
        [
            TextColumn("Only in", [letter for letter, _ in rows]),
            TextColumn("Data set", [row.dataset for _, row in rows]),
            TextColumn("Setting", [row.cell for _, row in rows]),
            TextColumn("How it ended", [_format_status(row) for _, row in rows]),
        ]
    )


def _tabulate_traits(rows: Sequence[Trait]) -> Table:
    return build_table(
        [
            TextColumn("What", [trait.name for trait in rows]),
            TextColumn("A", [trait.a for trait in rows]),
            TextColumn("B", [trait.b for trait in rows]),
        ]
    )


def compare(a: Path, b: Path, into: Path, templates: Path = TEMPLATES) -> list[Path]:
    """Write the report on two finished studies; return its files.

    Args:
        a: Results folder of the study to compare with.
        b: Results folder of the study that is compared.
        into: Folder to write to.
        templates: Folder of the templates.

    Raises:
        UserError: a study is not finished, or is damaged; the message names it.
    """
    page = build_compare_page(read_exported(a), read_exported(b))
    text, html = make_markdown_environment(templates), make_html_environment(templates, {})
    method = render_prose(text.get_template("_compare_method.md.j2").render())
    files = {
        into / "compare.md": text.get_template("compare.md.j2").render(page=page),
        into / "compare.html": html.get_template("compare.html.j2").render(
            page=page, method=method
        ),
    }
    for path, content in files.items():
        write_text(path, content)
    return list(files)
