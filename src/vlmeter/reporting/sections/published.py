"""Compares published with measured figures, and reproduces the published FLOPs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vlmeter.axes import Axes
from vlmeter.reporting.formats import get_status_label, get_value_label, join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.published import Count, Published, PublishedCell, Value
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.sections.table import get_wer_or_reason
from vlmeter.reporting.table import Table, TextColumn, build_table, drop_empty_columns
from vlmeter.results.numbers import DASH, Scale, format_number, write_decimals
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status

Pair = tuple[PublishedCell, Place]
Figures = tuple[float | None, float | None]
"""A published figure, and the same figure as it was measured."""

_REPRODUCED = 0.005
"""Largest relative deviation of the computed count at which a published count is reproduced."""


@dataclass(frozen=True)
class ComparedSection:
    """A section's published and measured figures, with the notes that the rows name."""

    table: Table
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Reproduction:
    """Statements about the published study as a whole."""

    label: str
    setting: str
    """How its base differs from the study's."""
    verdict: str
    """How many of the published counts are reproduced."""
    counts: Table
    general: tuple[str, ...]


def compare_section(
    published: Published, name: str, section: SectionRows
) -> ComparedSection | None:
    """Return a section's published and measured figures; None where there are none to compare.

    Args:
        published: The published study.
        name: The section's name, the same in both studies.
        section: The study's own cells.
    """
    printed = published.sections.get(name)
    if printed is None:
        return None
    pairs = [
        (cell, place)
        for place in section.places
        for cell in printed.cells
        if _is_same_cell(cell, place, section.by_dataset)
    ]
    if not pairs:
        return None
    names = list(dict.fromkeys(note for cell, _ in pairs for note in cell.notes))
    columns = [
        *section.make_lead([place for _, place in pairs]),
        *_make_figure_columns(pairs),
        *drop_empty_columns(
            [
                TextColumn(
                    say("published.flops_are_of"),
                    [_describe_count(cell.flops) for cell, _ in pairs],
                )
            ]
        ),
        *drop_empty_columns(
            [TextColumn(say("table.notes"), [_format_marks(cell, names) for cell, _ in pairs])]
        ),
    ]
    numbered = [f"{place}: {published.notes[note]}" for place, note in enumerate(names, start=1)]
    notes = (*(published.notes[note] for note in printed.notes), *numbered)
    return ComparedSection(build_table(columns), notes)


def reproduce_counts(published: Published, base: Axes, rows: Sequence[SummaryRow]) -> Reproduction:
    """Reproduce the published counts of operations from the operations per sample of this study.

    Args:
        published: The published study.
        base: The study's base.
        rows: The rows of `summary.csv`.
    """
    counts = [
        (count, _find_flops_per_sample(count, base.model, rows)) for count in published.counts
    ]
    shares = [
        count.samples * flops / count.flops - 1 for count, flops in counts if flops is not None
    ]
    return Reproduction(
        label=published.label,
        setting=_describe_setting(published.base, base),
        verdict=_describe_verdict(len(counts), shares),
        counts=_tabulate_counts(counts),
        general=published.general,
    )


def _is_same_cell(cell: PublishedCell, place: Place, by_dataset: bool) -> bool:
    if cell.values != place.values:
        return False
    return not by_dataset if cell.dataset is None else cell.dataset == place.row.dataset


def _make_figure_columns(pairs: Sequence[Pair]) -> Iterator[TextColumn]:
    wers = [
        f"{translate(cell.status)} / {get_status_label(place.row.status)}"
        if cell.status
        else _format_beside(cell.wer, get_wer_or_reason(place.row), 1.0)
        for cell, place in pairs
    ]
    yield TextColumn(say("table.wer"), wers, numeric=True)
    batch, sample = say("per.batch"), say("per.sample")
    yield _make_column(say("table.latency"), "s", batch, pairs, _read_latency)
    yield _make_column(say("table.energy"), "J", sample, pairs, _read_energy)
    yield _make_column(say("table.flops"), "FLOP", batch, pairs, _read_flops)


def _make_column(
    name: str, unit: str, per: str, pairs: Sequence[Pair], read: Callable[[Pair], Figures]
) -> TextColumn:
    figures = [read(pair) for pair in pairs]
    scale = Scale.of([value for both in figures for value in both], unit)
    cells = [_format_beside(printed, measured, scale.factor) for printed, measured in figures]
    return TextColumn(f"{name} ({scale.unit}{per})", cells, numeric=True)


def _read_latency(pair: Pair) -> Figures:
    cell, place = pair
    return cell.latency_s, place.row.latency


def _read_energy(pair: Pair) -> Figures:
    cell, place = pair
    return cell.energy_j, place.row.energy


def _read_flops(pair: Pair) -> Figures:
    cell, place = pair
    return None if cell.flops is None else cell.flops.flops, place.row.flops


def _format_beside(printed: float | None, measured: float | str | None, factor: float) -> str:
    """Return `published / measured (ratio)`."""
    if printed is None and measured is None:
        return DASH
    published = DASH if printed is None else format_number(printed / factor)
    if isinstance(measured, str) or measured is None:
        return f"{published} / {translate(measured or DASH)}"
    ratio = f" (x {format_number(measured / printed)})" if printed else ""
    return f"{published} / {format_number(measured / factor)}{ratio}"


def _describe_count(count: Count | None) -> str:
    if count is None:
        return DASH
    return say("published.of", count=count.samples, tokens=count.text_tokens)


def _format_marks(cell: PublishedCell, names: Sequence[str]) -> str:
    return ", ".join(str(names.index(note) + 1) for note in cell.notes)


def _find_flops_per_sample(count: Count, model: str, rows: Sequence[SummaryRow]) -> float | None:
    """Return the operations per sample of a cell with as many text tokens, if there is any."""
    return next(
        (
            float(row.flops_per_sample)
            for row in rows
            if row.status == Status.OK
            and row.model == model
            and row.text_tokens == count.text_tokens
            and row.image_input == "processor"
            and row.flops_per_sample is not None
        ),
        None,
    )


def _tabulate_counts(counts: Sequence[tuple[Count, float | None]]) -> Table:
    totals = [None if flops is None else count.samples * flops for count, flops in counts]
    return build_table(
        [
            TextColumn(
                say("published.published"), [count.text for count, _ in counts], numeric=True
            ),
            TextColumn(
                say("published.stands_for"), [_describe_count(count) for count, _ in counts]
            ),
            TextColumn(
                say("published.one_here"),
                [_format_exact(flops) for _, flops in counts],
                numeric=True,
            ),
            TextColumn(
                say("published.together"), [_format_exact(total) for total in totals], numeric=True
            ),
            TextColumn(
                say("published.deviation"),
                [
                    say("published.no_such_cell")
                    if total is None
                    else write_decimals(f"{(total / count.flops - 1) * 100:+.2f} %")
                    for (count, _), total in zip(counts, totals, strict=True)
                ],
                numeric=True,
            ),
        ]
    )


def _format_exact(flops: float | None) -> str:
    """Return operations with five digits, which shows a deviation of 0.01 %."""
    if flops is None:
        return DASH
    scale = Scale.of([flops], "FLOP")
    return f"{write_decimals(f'{flops / scale.factor:.5g}')} {scale.unit}"


def _describe_verdict(counts: int, shares: Sequence[float]) -> str:
    good = [share for share in shares if abs(share) <= _REPRODUCED]
    if not shares:
        return say("published.none")
    worst = write_decimals(f"{max(map(abs, good)) * 100:.2f} %") if good else ""
    if len(good) == counts:
        return say("published.all", counts=counts, worst=worst)
    some = "published.some" if good else "published.not_one"
    rest = [say(some, good=len(good), counts=counts, worst=worst)]
    if len(shares) > len(good):
        limit = write_decimals(f"{_REPRODUCED * 100:g} %")
        rest.append(say("published.beyond", off=len(shares) - len(good), limit=limit))
    if counts > len(shares):
        rest.append(say("published.without", without=counts - len(shares)))
    return f"{'; '.join(rest)}."


def _describe_setting(published: Mapping[str, Value], base: Axes) -> str:
    own = base.as_dict()
    other = [
        say(
            "published.here",
            axis=axis,
            value=get_value_label(axis, value),
            here=get_value_label(axis, own[axis]),
        )
        for axis, value in published.items()
        if axis in own and own[axis] != value
    ]
    if not other:
        return say("published.same_base")
    return say("published.other_base", settings=join_words(other))
