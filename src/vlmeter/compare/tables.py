"""Tabulates what a comparison says of the studies beside their figures."""

from collections.abc import Iterator, Mapping, Sequence

from vlmeter.compare.figures import Comparison
from vlmeter.compare.origins import Trait
from vlmeter.compare.words import (
    BASE,
    divide_by_table,
    format_status,
    name_dataset,
    name_setting,
)
from vlmeter.reporting.language import say
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.exported import Exported
from vlmeter.results.matching import Pair
from vlmeter.results.outline import Outline
from vlmeter.status import Status


def tabulate_studies(studies: Mapping[str, Exported], outlines: Mapping[str, Outline]) -> Table:
    """Return what the studies are."""
    counts = [
        (sum(row.status == Status.OK for row in study.rows.values()), len(study.rows))
        for study in studies.values()
    ]
    return build_table(
        [
            TextColumn(say("compare.study"), list(studies)),
            TextColumn(say("source.name"), [outlines[letter].study for letter in studies]),
            TextColumn(say("compare.title_of"), [outlines[letter].title for letter in studies]),
            TextColumn(say("compare.folder"), [str(study.folder) for study in studies.values()]),
            TextColumn(
                say("status.ok"),
                [say("difference.changed", changed=ok, shared=cells) for ok, cells in counts],
                numeric=True,
            ),
        ]
    )


def tabulate_statuses(outline: Outline, others: Sequence[Comparison]) -> Iterator[Table]:
    """Yield the settings whose status differs from the base's."""
    by_letter = {other.letter: {pair.key: pair for pair in other.matched.pairs} for other in others}
    for group in divide_by_table(others):
        changed = {
            key: pair.a
            for other in group
            for key, pair in by_letter[other.letter].items()
            if pair.a.status != pair.b.status
        }
        if changed:
            yield build_table(
                [
                    TextColumn(
                        say("table.dataset"),
                        [name_dataset(outline, row.dataset) for row in changed.values()],
                    ),
                    TextColumn(
                        say("table.setting"),
                        [name_setting(outline, row) for row in changed.values()],
                    ),
                    TextColumn(BASE, [format_status(row) for row in changed.values()]),
                    *(
                        TextColumn(
                            other.letter,
                            [_format_other(by_letter[other.letter].get(key)) for key in changed],
                        )
                        for other in group
                    ),
                ]
            )


def _format_other(pair: Pair | None) -> str:
    return format_status(None if pair is None else pair.b)


def tabulate_unmatched(
    outline: Outline, base: Exported, others: Sequence[Comparison]
) -> Table | None:
    """Return the settings that the base or another study lacks."""
    lacking = {
        key: [other.letter for other in others if key not in other.keys] for key in base.rows
    }
    rows = [
        *((BASE, base.rows[key], ", ".join(names)) for key, names in lacking.items() if names),
        *((other.letter, row, BASE) for other in others for row in other.matched.only_b),
    ]
    if not rows:
        return None
    return build_table(
        [
            TextColumn(say("compare.stands_in"), [letter for letter, _, _ in rows]),
            TextColumn(say("compare.lacks_in"), [letters for _, _, letters in rows]),
            TextColumn(
                say("table.dataset"), [name_dataset(outline, row.dataset) for _, row, _ in rows]
            ),
            TextColumn(say("table.setting"), [name_setting(outline, row) for _, row, _ in rows]),
            TextColumn(say("table.status"), [format_status(row) for _, row, _ in rows]),
        ]
    )


def tabulate_differing(traits: Sequence[Trait], others: Sequence[Comparison]) -> Iterator[Table]:
    """Yield the origins that differ."""
    differing = [trait for trait in traits if trait.differs]
    places = {other.letter: place for place, other in enumerate(others, start=1)}
    for group in divide_by_table(others) if differing else ():
        letters = {BASE: 0, **{other.letter: places[other.letter] for other in group}}
        yield build_table(
            [
                TextColumn(say("source.what"), [trait.name for trait in differing]),
                *(
                    TextColumn(letter, [trait.values[place] for trait in differing])
                    for letter, place in letters.items()
                ),
            ]
        )


def tabulate_shared(traits: Sequence[Trait]) -> Table | None:
    """Return the origins that are the same in all studies."""
    shared = [trait for trait in traits if not trait.differs]
    if not shared:
        return None
    return build_table(
        [
            TextColumn(say("source.what"), [trait.name for trait in shared]),
            TextColumn(say("compare.in_all"), [trait.values[0] for trait in shared]),
        ]
    )
