"""Compares each figure over all cells that two studies share: verdict, table and notes."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from vlmeter.metrics.drift import Changed
from vlmeter.reporting.formats import format_difference
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.exported import Exported
from vlmeter.results.matching import Pair
from vlmeter.results.numbers import (
    DASH,
    Scale,
    format_number,
    format_percent,
    format_signed,
    format_signed_percent,
)
from vlmeter.results.repeatability import Cost, Repeats
from vlmeter.results.study_differences import (
    UNPAIRED,
    Compared,
    compare_column,
    compare_cost,
    compare_quality,
    count_changed_answers,
)
from vlmeter.status import Status

_WITHIN_NOISE = "within the noise"
EQUAL = "equal"
_BETTER, _WORSE = "better in B", "worse in B"
_LESS, _MORE = "less in B", "more in B"


@dataclass(frozen=True)
class Part:
    """The comparison of a figure over all cells that have it in both studies."""

    title: str
    verdict: str
    table: Table | None
    """None where every cell has exactly the same figure in both studies."""
    notes: tuple[str, ...]


def build_parts(a: Exported, b: Exported, pairs: Sequence[Pair]) -> Iterator[Part]:
    """Yield a part per figure that cells have in both studies: costs first, then quality."""
    both = [pair for pair in pairs if is_measured_in_both(pair)]
    costs: tuple[tuple[str, Cost, str], ...] = (
        ("Latency", "latency", "s"),
        ("Energy per sample", "energy", "J"),
    )
    for title, cost, unit in costs:
        figures = [(pair, compare_cost(pair, cost, a.repeats, b.repeats)) for pair in both]
        notes = _describe_repeatability(cost, a.repeats, b.repeats)
        yield from _build_cost_part(title, unit, figures, notes)
    for title, column, unit in (
        ("Peak memory", "peak_memory_bytes", "B"),
        ("Work of a batch", "flops", "FLOP"),
    ):
        figures = [(pair, compare_column(pair, column)) for pair in both]
        yield from _build_cost_part(title, unit, figures, ())
    yield from _build_quality_parts(a, b, both)


def _build_cost_part(
    title: str, unit: str, figures: Sequence[tuple[Pair, Compared]], notes: tuple[str, ...]
) -> Iterator[Part]:
    rows = [(pair, figure) for pair, figure in figures if figure.difference is not None]
    if not rows:
        return
    scale = Scale.of([figure.a for _, figure in rows], unit)
    ratios = [figure.b / figure.a for _, figure in rows if figure.a and figure.b]
    together = math.exp(fmean(map(math.log, ratios))) if ratios else None
    verdict = _count_verdicts([_judge(figure, _LESS, _MORE) for _, figure in rows])
    alike = all(figure.a == figure.b for _, figure in rows)
    if together is not None and not alike:
        verdict += f"; together B takes {format_number(together)} times as much (geometric mean)"
    yield Part(
        title=title,
        verdict=verdict,
        table=None
        if alike
        else _tabulate(rows, f" ({scale.unit})", scale.format, _format_cost_difference),
        notes=notes,
    )


def _describe_repeatability(cost: Cost, a: Repeats, b: Repeats) -> tuple[str, ...]:
    """Describe how well the machines repeat a cost, which the intervals allow for."""
    by_study = {"A": a.of_cost(cost), "B": b.of_cost(cost)}
    if not all(by_study.values()):
        lacking = [letter for letter, devices in by_study.items() if not devices]
        return (
            f"In {' and '.join(lacking)} no computation was measured in two processes, so these "
            "intervals rest on the rounds within a process alone and are too narrow.",
        )
    texts = [
        f"{format_percent(repeats.deviation)} on {device} ({letter})"
        for letter, devices in by_study.items()
        for device, repeats in devices.items()
    ]
    return (
        f"Measurements that repeat a computation vary by {', '.join(texts)} (standard deviation).",
    )


def _build_quality_parts(a: Exported, b: Exported, both: Sequence[Pair]) -> Iterator[Part]:
    answers = {id(pair): count_changed_answers(pair, a.folder, b.folder) for pair in both}
    labels = {"wer": "Word error rate"}
    pairs_by_metric: dict[str, list[Pair]] = {"wer": list(both)}
    for pair in both:
        name = pair.a.task_metric
        if name and name == pair.b.task_metric:
            pairs_by_metric.setdefault(name, []).append(pair)
            labels.setdefault(name, str(pair.a.task_metric_label))
    for name, pairs in pairs_by_metric.items():
        figures = [(pair, compare_quality(pair, name, a.folder, b.folder)) for pair in pairs]
        rows = [(pair, figure) for pair, figure in figures if figure.difference is not None]
        if not rows:
            continue
        better = -1 if name == "wer" else (1 if rows[0][0].a.task_higher_is_better else -1)
        words = (_WORSE, _BETTER) if better > 0 else (_BETTER, _WORSE)
        yield Part(
            title=labels[name],
            verdict=_count_verdicts([_judge(figure, *words) for _, figure in rows]),
            table=_tabulate_quality(rows, answers if name == "wer" else {}),
            notes=_describe_method([figure for _, figure in rows]),
        )


def _tabulate_quality(
    rows: Sequence[tuple[Pair, Compared]], answers: Mapping[int, Changed | None]
) -> Table | None:
    """Tabulate a figure, with a column for the changed answers where `answers` holds any."""
    changed = [answers.get(id(pair)) for pair, _ in rows]
    if all(figure.a == figure.b for _, figure in rows) and not any(
        count and count.changed for count in changed
    ):
        return None
    column = TextColumn(
        "Answers changed",
        [DASH if count is None else f"{count.changed} of {count.shared}" for count in changed],
        numeric=True,
    )
    more = [column] if answers else []
    return _tabulate(rows, "", format_number, _format_quality_difference, more)


def _describe_method(figures: Sequence[Compared]) -> tuple[str, ...]:
    unpaired = sum(figure.how == UNPAIRED for figure in figures)
    if not unpaired:
        return ("Compared sample by sample (paired bootstrap).",)
    which = "All settings" if unpaired == len(figures) else f"{unpaired} of {len(figures)} settings"
    rest = "" if unpaired == len(figures) else "; the others sample by sample"
    return (
        f"{which} without pairing samples, which were not the same or whose scores are not in both "
        f"folders: the two intervals are combined, which is wider{rest}.",
    )


def _tabulate(
    rows: Sequence[tuple[Pair, Compared]],
    unit: str,
    format_value: Callable[[float | None], str],
    format_change: Callable[[Compared], str],
    more: Sequence[TextColumn] = (),
) -> Table:
    differences = [EQUAL if figure.a == figure.b else format_change(figure) for _, figure in rows]
    return build_table(
        [
            TextColumn("Data set", [pair.dataset for pair, _ in rows]),
            TextColumn("Setting", [pair.label for pair, _ in rows]),
            TextColumn(f"A{unit}", [format_value(figure.a) for _, figure in rows], numeric=True),
            TextColumn(f"B{unit}", [format_value(figure.b) for _, figure in rows], numeric=True),
            TextColumn("B less A [95 %]", differences, numeric=True),
            *more,
            TextColumn("Input", [_format_input(pair) for pair, _ in rows]),
        ]
    )


def _format_input(pair: Pair) -> str:
    return "same" if pair.a.shape_digest == pair.b.shape_digest else "* other"


def _format_cost_difference(figure: Compared) -> str:
    assert figure.difference is not None, "only figures with a difference have a row"
    if not figure.base:
        return format_difference(figure.difference, format_signed)
    return format_difference(figure.difference.as_share_of(figure.base), format_signed_percent)


def _format_quality_difference(figure: Compared) -> str:
    assert figure.difference is not None, "only figures with a difference have a row"
    return format_difference(figure.difference, format_signed)


def _judge(figure: Compared, less: str, more: str) -> str:
    difference = figure.difference
    assert difference is not None, "only figures with a difference are judged"
    if figure.a == figure.b:
        return EQUAL
    if difference.within_noise:
        return _WITHIN_NOISE
    word = more if difference.estimate > 0 else less
    return word if difference.significant else f"{word} (no interval)"


def _count_verdicts(verdicts: Sequence[str]) -> str:
    # What differs comes first.
    words = sorted(dict.fromkeys(verdicts), key=lambda word: word in (_WITHIN_NOISE, EQUAL))
    counts = {word: verdicts.count(word) for word in words}
    counted = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{len(verdicts)} setting{'' if len(verdicts) == 1 else 's'}: {counted}"


def is_measured_in_both(pair: Pair) -> bool:
    """Say whether the cell has status ok in both studies."""
    return all(row.status == Status.OK for row in (pair.a, pair.b))
