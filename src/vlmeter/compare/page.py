"""Builds the report on finished studies; the templates only lay it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from vlmeter.compare.figures import Comparison, compare_studies
from vlmeter.compare.forest import draw_forest, name_forest
from vlmeter.compare.origins import compare_origins
from vlmeter.compare.parts import Part, build_parts
from vlmeter.compare.tables import (
    tabulate_differing,
    tabulate_shared,
    tabulate_statuses,
    tabulate_studies,
    tabulate_unmatched,
)
from vlmeter.compare.verdict import Doubt, describe_verdict, list_doubts
from vlmeter.compare.words import BASE
from vlmeter.errors import UserError
from vlmeter.reporting.environments import make_html_environment, make_markdown_environment
from vlmeter.reporting.figures.inline_figure import inline_figure
from vlmeter.reporting.language import (
    LANGUAGES,
    get_figure_path,
    get_language,
    get_page_path,
    say,
    use_language,
)
from vlmeter.reporting.render_report import TEMPLATES
from vlmeter.reporting.table import Table
from vlmeter.reporting.verdict import Chip
from vlmeter.results.exported import Exported, read_exported
from vlmeter.results.outline import translate_outline
from vlmeter.storage.files import write_text

_METHOD = ("settings", "costs", "counts", "quality", "noise", "verdict")


@dataclass(frozen=True)
class ComparePage:
    """The whole report, in one language."""

    title: str
    foreign: Mapping[str, str]
    """Texts of the studies that are not in the page's language, with their own language."""
    verdicts: tuple[str, ...]
    """A sentence on each study but the base."""
    chips: tuple[Chip, ...]
    doubts: tuple[Doubt, ...]
    """What a reader must know before reading the first figure."""
    forests: tuple[tuple[str, str], ...]
    """Letter of each study but the base, and the title of its figure."""
    studies: Table
    parts: tuple[Part, ...]
    statuses: tuple[Table, ...]
    """Settings whose status differs."""
    only: Table | None
    """Settings that the base or another study lacks."""
    differing: tuple[Table, ...]
    """Origins that differ."""
    shared: Table | None
    method: tuple[str, ...]
    """How the studies are compared, as lines of Markdown."""


def build_compare_page(base: Exported, others: Sequence[Comparison]) -> ComparePage:
    """Build the report on studies in the current language.

    Args:
        base: The study that the others are compared with.
        others: The other studies.
    """
    studies = {BASE: base, **{other.letter: other.study for other in others}}
    translated = {
        letter: translate_outline(study.outline, get_language())
        for letter, study in studies.items()
    }
    outline = translated[BASE]
    doubts = tuple(doubt for other in others for doubt in list_doubts(base, outline, other))
    in_all = sum(all(key in other.keys for other in others) for key in base.rows)
    matched = say("compare_chip.matched", count=in_all)
    traits = compare_origins(list(studies.values()))
    return ComparePage(
        title=" · ".join(f"{letter}: {study.outline.study}" for letter, study in studies.items()),
        foreign={
            text: name for study in translated.values() for text, name in study.foreign.items()
        },
        verdicts=tuple(map(describe_verdict, others)),
        chips=(
            Chip("plain", matched, "studies"),
            *(Chip("warning", doubt.chip, doubt.anchor) for doubt in doubts),
        ),
        doubts=doubts,
        forests=tuple((other.letter, name_forest(other.letter)) for other in others),
        studies=tabulate_studies(studies, translated),
        parts=tuple(build_parts(base, outline, others)),
        statuses=tuple(tabulate_statuses(outline, others)),
        only=tabulate_unmatched(outline, base, others),
        differing=tuple(tabulate_differing(traits, others)),
        shared=tabulate_shared(traits),
        method=tuple(say(f"compare_method.{name}") for name in _METHOD),
    )


def compare(studies: Sequence[Path], into: Path, templates: Path = TEMPLATES) -> list[Path]:
    """Write the report on finished studies in every language; return its pages.

    Args:
        studies: Results folders: first that which the others are compared with.
        into: Folder to write to.
        templates: Folder of the templates.

    Raises:
        UserError: there are too few or too many studies, one stands twice, or one is not finished
            or is damaged; the message names it.
    """
    _check_number(studies)
    base, *rest = map(read_exported, studies)
    others = [
        compare_studies(base, study, letter)
        for study, letter in zip(rest, ascii_uppercase[1:], strict=False)
    ]
    figures = {other.letter: into / "figures" / f"{other.letter}.svg" for other in others}
    for other in others:
        draw_forest(base, other, figures[other.letter], columns=3)
        draw_forest(base, other, _get_narrow(figures[other.letter]), columns=1)
    pages = []
    for language in LANGUAGES:
        with use_language(language):
            pages += _write(build_compare_page(base, others), figures, into, templates)
    return pages


def _get_narrow(figure: Path) -> Path:
    """Return the path of a figure's form for a phone, which runs no script that lays it out."""
    return figure.with_stem(f"{figure.stem}-narrow")


def _check_number(studies: Sequence[Path]) -> None:
    if len(studies) < 2:
        raise UserError(
            "One study is compared with others: give the results folders of two or more, the one "
            "to compare with first."
        )
    if len(studies) > len(ascii_uppercase):
        raise UserError(
            f"{len(studies)} studies are too many for one report: give at most "
            f"{len(ascii_uppercase)}."
        )
    places = [study.resolve() for study in studies]
    twice = [study for study, place in zip(studies, places, strict=True) if places.count(place) > 1]
    if twice:
        raise UserError(f"{twice[-1]} stands twice among the studies: give each folder once.")


def _write(
    page: ComparePage, figures: Mapping[str, Path], into: Path, templates: Path
) -> list[Path]:
    """Write the report in the current language."""
    language = get_language()
    drawn = {letter: get_figure_path(path, language) for letter, path in figures.items()}
    text, html = (get_page_path(into / f"compare.{kind}", language) for kind in ("md", "html"))
    links = {letter: path.relative_to(into).as_posix() for letter, path in drawn.items()}
    markdown = make_markdown_environment(templates).get_template("compare.md.j2")
    write_text(text, markdown.render(page=page, figures=links))
    template = make_html_environment(templates).get_template("compare.html.j2")
    inline = {
        letter: [
            inline_figure(drawn[letter], f"fig-{letter}", title),
            inline_figure(_get_narrow(drawn[letter]), f"narrow-{letter}", title),
        ]
        for letter, title in page.forests
    }
    content = template.render(
        page=page,
        figures=inline,
        language=language,
        languages={name: get_page_path(Path("compare.html"), name).name for name in LANGUAGES},
        markdown=text.name,
    )
    write_text(html, content)
    return [text, html]
