"""Layer profiles as tables: a row per kind of layer, or per module."""

from collections.abc import Sequence

from vlmeter.reporting.findings import error_words, fit_power
from vlmeter.reporting.formats import DASH, number, percent, quantity
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.profiles import (
    OTHER_KIND,
    Profile,
    batch_of,
    batch_series,
    kinds_of,
    measured,
    module_groups,
)
from vlmeter.reporting.roofline import intensity
from vlmeter.reporting.table import Table, TextColumn, table_of


def kinds_table(profiles: Sequence[Profile]) -> Table | None:
    """Return milliseconds per forward pass by kind of layer, a column per profile.

    Where several batch sizes were profiled, the last column is the exponent of the growth.
    """
    usable = measured(profiles)
    if not usable:
        return None
    kinds = kinds_of(usable)
    times = [one.ms_by_kind() for one in usable]
    columns = [TextColumn(say("layers.kind"), [*map(recorded, kinds), say("layers.all")])]
    for one, by_kind in zip(usable, times, strict=True):
        cells = [_ms_and_share(by_kind.get(kind, 0.0), one.total_ms) for kind in kinds]
        columns.append(
            TextColumn(f"{one.label} (ms)", [*cells, number(one.total_ms)], numeric=True)
        )
    series = batch_series(usable)
    if len(series) > 1:
        growth = [
            _exponent(series, [one.ms_by_kind().get(kind, 0.0) for one in series]) for kind in kinds
        ]
        whole = _exponent(series, [one.total_ms for one in series])
        columns.append(TextColumn(say("layers.growth"), [*growth, whole], numeric=True))
    return table_of(columns)


def work_table(profiles: Sequence[Profile]) -> Table | None:
    """Return how well each kind of layer uses the machine, at the smallest and largest batch.

    The intensity counts each weight as read once per pass and no activations: it is the most
    that the layer's arithmetic intensity can be.
    """
    series = [one for one in batch_series(measured(profiles)) if one.flops]
    if not series:
        return None
    ends = [series[0], series[-1]] if len(series) > 1 else series
    kinds = [kind for kind in kinds_of(ends) if kind != OTHER_KIND]
    kinds = [kind for kind in kinds if any(one.flops_by_kind().get(kind) for one in ends)]
    parameters = ends[0].parameters_by_kind()
    columns = [
        TextColumn(say("layers.kind"), [recorded(kind) for kind in kinds]),
        TextColumn(
            say("layers.parameters"), [count(parameters.get(kind)) for kind in kinds], numeric=True
        ),
    ]
    for one in ends:
        work, times = one.flops_by_kind(), one.ms_by_kind()
        cells = [quantity(work.get(kind) or None, "FLOP") for kind in kinds]
        columns.append(TextColumn(say("layers.work_at", batch=batch_of(one)), cells, numeric=True))
        cells = [_rate(work.get(kind, 0.0), times.get(kind, 0.0)) for kind in kinds]
        columns.append(
            TextColumn(say("layers.achieved_at", batch=batch_of(one)), cells, numeric=True)
        )
        cells = [_intensity(one, work.get(kind, 0.0), parameters.get(kind)) for kind in kinds]
        columns.append(
            TextColumn(say("layers.intensity_at", batch=batch_of(one)), cells, numeric=True)
        )
    return table_of(columns)


def _rate(flops: float, ms: float) -> str:
    return quantity(flops / ms * 1e3, "FLOP/s") if flops and ms else DASH


def _intensity(profile: Profile, flops: float, parameters: float | None) -> str:
    return number(intensity(profile, flops, parameters))


def _ms_and_share(ms: float, total: float) -> str:
    return f"{number(ms)} ({percent(ms / total)})"


def _exponent(series: Sequence[Profile], times: Sequence[float]) -> str:
    fit = fit_power([batch_of(one) for one in series], times)
    if fit is None:
        return DASH
    error = "" if fit.standard_error is None else f" {error_words(fit.standard_error)}"
    return f"{fit.exponent:.2f}{error}"


def modules_table(profile: Profile, rows: int = 12) -> Table:
    """Return the modules that take the most time of a profile, repeated blocks added up."""
    groups = module_groups(profile)[:rows]
    return table_of(
        [
            TextColumn(say("layers.module"), [group.name for group in groups]),
            TextColumn(say("layers.kind"), [recorded(group.kind) for group in groups]),
            TextColumn(say("layers.stage"), [recorded(group.stage) for group in groups]),
            TextColumn(
                say("layers.modules"), [str(group.modules) for group in groups], numeric=True
            ),
            TextColumn(
                say("layers.time_ms"), [number(group.time_ms) for group in groups], numeric=True
            ),
            TextColumn(
                say("layers.share"), [percent(group.share) for group in groups], numeric=True
            ),
            TextColumn(
                say("layers.work"),
                [quantity(group.flops or None, "FLOP") for group in groups],
                numeric=True,
            ),
            TextColumn(
                say("layers.parameters"),
                [count(group.parameters) for group in groups],
                numeric=True,
            ),
        ]
    )


def count(value: float | None) -> str:
    """Return a large count with a prefix, e.g. `3.74 G`; none where there is nothing to count."""
    return quantity(value, "").rstrip() if value else DASH
