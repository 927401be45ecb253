"""Published and measured figures side by side, and how the published FLOPs come about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.record import Status
from vlmeter.reporting.formats import (
    DASH,
    Scale,
    listed,
    number,
    status_label,
    value_label,
)
from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.published import Count, Published, PublishedCell
from vlmeter.reporting.section_rows import Place, SectionRows
from vlmeter.reporting.section_table import wer_or_reason
from vlmeter.reporting.table import Table, TextColumn, filled, table_of

Plain = Mapping[str, Any]
Pair = tuple[PublishedCell, Place]

_REPRODUCED = 0.005
"""A published count is reproduced when the computed one is this close, as a share of it."""


@dataclass(frozen=True)
class ComparedSection:
    """A section's published and measured figures, with the notes that the rows name."""

    table: Table
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Reproduction:
    """What is to be said about the published study as a whole."""

    label: str
    setting: str
    """How its base differs from the study's."""
    verdict: str
    """Which of the published counts are reproduced."""
    counts: Table
    general: tuple[str, ...]


def compared_section(
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
        if _same(cell, place, section.by_dataset)
    ]
    if not pairs:
        return None
    names = list(dict.fromkeys(note for cell, _ in pairs for note in cell.notes))
    columns = [
        *section.lead([place for _, place in pairs]),
        *_figures(pairs),
        *filled(
            [TextColumn(say("published.flops_are_of"), [_of(cell.flops) for cell, _ in pairs])]
        ),
        *filled([TextColumn(say("table.notes"), [_marks(cell, names) for cell, _ in pairs])]),
    ]
    numbered = [f"{place}: {published.notes[note]}" for place, note in enumerate(names, start=1)]
    notes = (*(published.notes[note] for note in printed.notes), *numbered)
    return ComparedSection(table_of(columns), notes)


def reproduction(published: Published, base: Plain, rows: Sequence[Row]) -> Reproduction:
    """Return how the published operations come about, from what one sample takes here.

    Args:
        published: The published study.
        base: The study's base, by axis.
        rows: The rows of `summary.csv`.
    """
    found = [(count, _per_sample(count, base["model"], rows)) for count in published.counts]
    shares = [count.samples * one / count.flops - 1 for count, one in found if one is not None]
    return Reproduction(
        label=published.label,
        setting=_setting(published.base, base),
        verdict=_verdict(len(found), shares),
        counts=_counts_table(found),
        general=published.general,
    )


def _same(cell: PublishedCell, place: Place, by_dataset: bool) -> bool:
    if dict(cell.values) != dict(place.values):
        return False
    return not by_dataset if cell.dataset is None else cell.dataset == place.row["dataset"]


def _figures(pairs: Sequence[Pair]) -> Iterator[TextColumn]:
    wers = [
        f"{recorded(cell.status)} / {status_label(place.row['status'])}"
        if cell.status
        else _beside(cell.wer, wer_or_reason(place.row), 1.0)
        for cell, place in pairs
    ]
    yield TextColumn(say("table.wer"), wers, numeric=True)
    for name, unit, per, column in (
        (say("table.latency"), "s", say("per.batch"), "latency"),
        (say("table.energy"), "J", say("per.sample"), "energy"),
        (say("table.flops"), "FLOP", say("per.batch"), "flops"),
    ):
        both = [(_printed(cell, column), place.row[column]) for cell, place in pairs]
        scale = Scale.of([value for values in both for value in values], unit)
        cells = [_beside(one, other, scale.factor) for one, other in both]
        yield TextColumn(f"{name} ({scale.unit}{per})", cells, numeric=True)


def _printed(cell: PublishedCell, column: str) -> float | None:
    if column == "flops":
        return None if cell.flops is None else cell.flops.flops
    return cell.latency_s if column == "latency" else cell.energy_j


def _beside(printed: float | None, measured: float | str | None, factor: float) -> str:
    """Return `published / measured (ratio)`."""
    if printed is None and measured is None:
        return DASH
    one = DASH if printed is None else number(printed / factor)
    if isinstance(measured, str) or measured is None:
        return f"{one} / {measured or DASH}"
    ratio = f" (x {number(measured / printed)})" if printed else ""
    return f"{one} / {number(measured / factor)}{ratio}"


def _of(count: Count | None) -> str:
    if count is None:
        return DASH
    return say("published.of", count=count.samples, tokens=count.text_tokens)


def _marks(cell: PublishedCell, names: Sequence[str]) -> str:
    return ", ".join(str(names.index(note) + 1) for note in cell.notes)


def _per_sample(count: Count, model: str, rows: Sequence[Row]) -> float | None:
    """Return the operations of one sample of that many text tokens, if a cell has it."""
    return next(
        (
            float(row["flops_per_sample"])
            for row in rows
            if row["status"] == Status.OK
            and row["model"] == model
            and row["text_tokens"] == count.text_tokens
            and row["image_input"] == "processor"
            and row["flops_per_sample"] is not None
        ),
        None,
    )


def _counts_table(found: Sequence[tuple[Count, float | None]]) -> Table:
    totals = [None if one is None else count.samples * one for count, one in found]
    return table_of(
        [
            TextColumn(
                say("published.published"), [count.text for count, _ in found], numeric=True
            ),
            TextColumn(say("published.stands_for"), [_of(count) for count, _ in found]),
            TextColumn(say("published.one_here"), [_exact(one) for _, one in found], numeric=True),
            TextColumn(
                say("published.together"), [_exact(total) for total in totals], numeric=True
            ),
            TextColumn(
                say("published.deviation"),
                [
                    say("published.no_such_cell")
                    if total is None
                    else f"{(total / count.flops - 1) * 100:+.2f} %"
                    for (count, _), total in zip(found, totals, strict=True)
                ],
                numeric=True,
            ),
        ]
    )


def _exact(flops: float | None) -> str:
    """Return operations with five digits, which shows a deviation of 0.01 %."""
    if flops is None:
        return DASH
    scale = Scale.of([flops], "FLOP")
    return f"{flops / scale.factor:.5g} {scale.unit}"


def _verdict(counts: int, shares: Sequence[float]) -> str:
    good = [share for share in shares if abs(share) <= _REPRODUCED]
    if not shares:
        return say("published.none")
    worst = f"{max(map(abs, good)) * 100:.2f} %" if good else ""
    if len(good) == counts:
        return say("published.all", counts=counts, worst=worst)
    some = "published.some" if good else "published.not_one"
    rest = [say(some, good=len(good), counts=counts, worst=worst)]
    if len(shares) > len(good):
        limit = f"{_REPRODUCED * 100:g} %"
        rest.append(say("published.beyond", off=len(shares) - len(good), limit=limit))
    if counts > len(shares):
        rest.append(say("published.without", without=counts - len(shares)))
    return f"{'; '.join(rest)}."


def _setting(published: Plain, base: Plain) -> str:
    other = [
        say(
            "published.here",
            axis=axis,
            value=value_label(axis, value),
            here=value_label(axis, base[axis]),
        )
        for axis, value in published.items()
        if axis in base and base[axis] != value
    ]
    if not other:
        return say("published.same_base")
    return say("published.other_base", settings=listed(other))
