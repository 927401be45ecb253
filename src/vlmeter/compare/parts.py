"""A figure over all cells that two studies have in common: verdict, table and notes."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from vlmeter.compare.cells import Pair
from vlmeter.compare.figures import (
    UNPAIRED,
    Compared,
    compared_answers,
    compared_cost,
    compared_plain,
    compared_quality,
)
from vlmeter.exports import Exported
from vlmeter.metrics.drift import Changed
from vlmeter.record import Status
from vlmeter.reporting.formats import DASH, Scale, number, percent, signed, signed_percent
from vlmeter.reporting.table import Table, TextColumn, table_of

SAME = "no difference"
_WITHIN_NOISE = "within the noise"
EQUAL = "equal"
_BETTER, _WORSE = "better in B", "worse in B"
_LESS, _MORE = "less in B", "more in B"


@dataclass(frozen=True)
class Part:
    """A figure over all cells that have it in both studies."""

    title: str
    verdict: str
    table: Table | None
    """None where every cell has the same figure in both, to the last digit."""
    notes: tuple[str, ...]


def figure_parts(a: Exported, b: Exported, pairs: Sequence[Pair]) -> Iterator[Part]:
    """Yield each figure that cells have in both studies: what they cost, then how they answer."""
    both = [pair for pair in pairs if measured_in_both(pair)]
    for title, cost, unit in (("Latency", "latency", "s"), ("Energy per sample", "energy", "J")):
        found = [(pair, compared_cost(pair, cost, a, b)) for pair in both]
        yield from _cost_part(title, unit, found, _repeating(cost, a, b))
    for title, column, unit in (
        ("Peak memory", "peak_memory_bytes", "B"),
        ("Work of a batch", "flops", "FLOP"),
    ):
        found = [(pair, compared_plain(pair, column)) for pair in both]
        yield from _cost_part(title, unit, found, ())
    yield from _quality_parts(a, b, both)


def _cost_part(
    title: str, unit: str, found: Sequence[tuple[Pair, Compared]], notes: tuple[str, ...]
) -> Iterator[Part]:
    told = [(pair, one) for pair, one in found if one.difference is not None]
    if not told:
        return
    scale = Scale.of([one.a for _, one in told], unit)
    ratios = [one.b / one.a for _, one in told if one.a and one.b]
    together = math.exp(fmean(map(math.log, ratios))) if ratios else None
    verdict = _counted([_judged(one, _LESS, _MORE) for _, one in told])
    alike = all(one.a == one.b for _, one in told)
    if together is not None and not alike:
        verdict += f"; together B takes {number(together)} times as much (geometric mean)"
    yield Part(
        title=title,
        verdict=verdict,
        table=None
        if alike
        else _table(
            told,
            f" ({scale.unit})",
            scale.text,
            lambda one, value: signed_percent(value / one.base) if one.base else signed(value),
        ),
        notes=notes,
    )


def _repeating(cost: str, a: Exported, b: Exported) -> tuple[str, ...]:
    """Say what the intervals of a cost are held against."""
    known = {
        letter: {device: entry["deviation"] for device, entry in (told.get(cost) or {}).items()}
        for letter, told in (("A", a.repeatability), ("B", b.repeatability))
    }
    if not all(known.values()):
        lacking = [letter for letter, told in known.items() if not told]
        return (
            f"In {' and '.join(lacking)} no computation was measured in two processes, so these "
            "intervals rest on the rounds within a process alone and are too narrow.",
        )
    told = [
        f"{percent(deviation)} on {device} ({letter})"
        for letter, devices in known.items()
        for device, deviation in devices.items()
    ]
    return (f"Cells that repeat a computation vary by {', '.join(told)} (standard deviation).",)


def _quality_parts(a: Exported, b: Exported, both: Sequence[Pair]) -> Iterator[Part]:
    answers = {id(pair): compared_answers(pair, a, b) for pair in both}
    labels = {"wer": "Word error rate"}
    figures: dict[str, list[Pair]] = {"wer": list(both)}
    for pair in both:
        name = pair.a["task_metric"]
        if name and name == pair.b["task_metric"]:
            figures.setdefault(name, []).append(pair)
            labels.setdefault(name, str(pair.a["task_metric_label"]))
    for name, pairs in figures.items():
        found = [(pair, compared_quality(pair, name, a.folder, b.folder)) for pair in pairs]
        told = [(pair, one) for pair, one in found if one.difference is not None]
        if not told:
            continue
        better = -1 if name == "wer" else (1 if told[0][0].a["task_higher_is_better"] else -1)
        words = (_WORSE, _BETTER) if better > 0 else (_BETTER, _WORSE)
        yield Part(
            title=labels[name],
            verdict=_counted([_judged(one, *words) for _, one in told]),
            table=_quality_table(told, answers if name == "wer" else {}),
            notes=_how_compared([one for _, one in told]),
        )


def _quality_table(
    told: Sequence[tuple[Pair, Compared]], answers: Mapping[int, Changed | None]
) -> Table | None:
    """Return the table of a figure; with the answers, which are told once, beside the first."""
    changed = [answers.get(id(pair)) for pair, _ in told]
    if all(one.a == one.b for _, one in told) and not any(one and one.changed for one in changed):
        return None
    column = TextColumn(
        "Answers changed",
        [DASH if one is None else f"{one.changed} of {one.shared}" for one in changed],
        numeric=True,
    )
    more = [column] if answers else []
    return _table(told, "", number, lambda _, value: signed(value), more)


def _how_compared(told: Sequence[Compared]) -> tuple[str, ...]:
    unpaired = sum(one.how == UNPAIRED for one in told)
    if not unpaired:
        return ("Compared sample by sample (paired bootstrap).",)
    which = "All cells" if unpaired == len(told) else f"{unpaired} of {len(told)} cells"
    rest = "" if unpaired == len(told) else "; the others sample by sample"
    return (
        f"{which} without pairing samples, which were not the same or whose scores are not in both "
        f"folders: the two intervals are combined, which is wider{rest}.",
    )


def _table(
    told: Sequence[tuple[Pair, Compared]],
    unit: str,
    write: Callable[[float | None], str],
    write_difference: Callable[[Compared, float], str],
    more: Sequence[TextColumn] = (),
) -> Table:
    differences = [_difference_words(one, write_difference) for _, one in told]
    return table_of(
        [
            TextColumn("Data set", [pair.dataset for pair, _ in told]),
            TextColumn("Cell", [pair.label for pair, _ in told]),
            TextColumn(f"A{unit}", [write(one.a) for _, one in told], numeric=True),
            TextColumn(f"B{unit}", [write(one.b) for _, one in told], numeric=True),
            TextColumn("B less A [95 %]", differences, numeric=True),
            *more,
            TextColumn("Input", [_input(pair) for pair, _ in told]),
        ]
    )


def _input(pair: Pair) -> str:
    return "same" if pair.a["shape_digest"] == pair.b["shape_digest"] else "* other"


def _difference_words(one: Compared, write: Callable[[Compared, float], str]) -> str:
    found = one.difference
    assert found is not None, "only compared figures are told"
    if one.a == one.b:
        return EQUAL
    if found.low is None or found.high is None:
        return f"{write(one, found.estimate)}, no interval"
    head = write(one, found.estimate) if found.significant else SAME
    return f"{head} [{write(one, found.low)}, {write(one, found.high)}]"


def _judged(one: Compared, less: str, more: str) -> str:
    found = one.difference
    assert found is not None, "only compared figures are judged"
    known = found.low is not None
    if one.a == one.b:
        return EQUAL
    if known and not found.significant:
        return _WITHIN_NOISE
    word = more if found.estimate > 0 else less
    return word if known else f"{word} (no interval)"


def _counted(judged: Sequence[str]) -> str:
    # What differs is told first.
    words = sorted(dict.fromkeys(judged), key=lambda word: word in (_WITHIN_NOISE, EQUAL))
    counts = {word: judged.count(word) for word in words}
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{len(judged)} cell{'' if len(judged) == 1 else 's'}: {told}"


def measured_in_both(pair: Pair) -> bool:
    """Say whether a cell ended well in both studies."""
    return all(row["status"] == Status.OK for row in (pair.a, pair.b))
