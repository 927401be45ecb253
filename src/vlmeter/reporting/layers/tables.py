"""Tabulates layer profiles: a row per kind of layer, or per module."""

from collections.abc import Sequence

from vlmeter.reporting.language import say, translate
from vlmeter.reporting.layers.findings import fit_power, format_error
from vlmeter.reporting.layers.profiles import (
    OTHER_KIND,
    Profile,
    get_batch_size,
    group_modules,
    list_kinds,
    list_measured,
    select_batch_series,
)
from vlmeter.reporting.layers.roofline import compute_intensity
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.numbers import (
    DASH,
    format_number,
    format_percent,
    format_quantity,
    write_decimals,
)


def tabulate_kinds(profiles: Sequence[Profile]) -> Table | None:
    """Return milliseconds per forward pass by kind of layer, a column per profile.

    Where several batch sizes were profiled, the last column is the exponent of the time's growth.
    """
    usable = list_measured(profiles)
    if not usable:
        return None
    kinds = list_kinds(usable)
    times = [profile.sum_ms_by_kind() for profile in usable]
    columns = [TextColumn(say("layers.kind"), [*map(translate, kinds), say("layers.all")])]
    for profile, by_kind in zip(usable, times, strict=True):
        cells = [_format_ms_and_share(by_kind.get(kind, 0.0), profile.total_ms) for kind in kinds]
        columns.append(
            TextColumn(
                f"{profile.label} (ms)", [*cells, format_number(profile.total_ms)], numeric=True
            )
        )
    series = select_batch_series(usable)
    if len(series) > 1:
        growth = [
            _format_exponent(
                series, [profile.sum_ms_by_kind().get(kind, 0.0) for profile in series]
            )
            for kind in kinds
        ]
        whole = _format_exponent(series, [profile.total_ms for profile in series])
        columns.append(TextColumn(say("layers.growth"), [*growth, whole], numeric=True))
    return build_table(columns)


def tabulate_work(profiles: Sequence[Profile]) -> Table | None:
    """Return how well each kind of layer uses the machine, at the smallest and largest batch.

    The intensity counts each weight as read once per pass, and no activations: it is an upper
    bound of the layer's arithmetic intensity.
    """
    series = [profile for profile in select_batch_series(list_measured(profiles)) if profile.flops]
    if not series:
        return None
    ends = [series[0], series[-1]] if len(series) > 1 else series
    kinds = [kind for kind in list_kinds(ends) if kind != OTHER_KIND]
    kinds = [
        kind for kind in kinds if any(profile.sum_flops_by_kind().get(kind) for profile in ends)
    ]
    parameters = ends[0].sum_parameters_by_kind()
    columns = [
        TextColumn(say("layers.kind"), [translate(kind) for kind in kinds]),
        TextColumn(
            say("layers.parameters"),
            [_format_count(parameters.get(kind)) for kind in kinds],
            numeric=True,
        ),
    ]
    for profile in ends:
        work, times = profile.sum_flops_by_kind(), profile.sum_ms_by_kind()
        cells = [format_quantity(work.get(kind) or None, "FLOP") for kind in kinds]
        columns.append(
            TextColumn(say("layers.work_at", batch=get_batch_size(profile)), cells, numeric=True)
        )
        cells = [_format_rate(work.get(kind, 0.0), times.get(kind, 0.0)) for kind in kinds]
        columns.append(
            TextColumn(
                say("layers.achieved_at", batch=get_batch_size(profile)), cells, numeric=True
            )
        )
        cells = [
            _format_intensity(profile, work.get(kind, 0.0), parameters.get(kind)) for kind in kinds
        ]
        columns.append(
            TextColumn(
                say("layers.intensity_at", batch=get_batch_size(profile)), cells, numeric=True
            )
        )
    return build_table(columns)


def _format_rate(flops: float, ms: float) -> str:
    return format_quantity(flops / ms * 1e3, "FLOP/s") if flops and ms else DASH


def _format_intensity(profile: Profile, flops: float, parameters: float | None) -> str:
    return format_number(compute_intensity(profile, flops, parameters))


def _format_ms_and_share(ms: float, total: float) -> str:
    return f"{format_number(ms)} ({format_percent(ms / total)})"


def _format_exponent(series: Sequence[Profile], times: Sequence[float]) -> str:
    fit = fit_power([get_batch_size(profile) for profile in series], times)
    if fit is None:
        return DASH
    error = "" if fit.standard_error is None else f" {format_error(fit.standard_error)}"
    return f"{write_decimals(f'{fit.exponent:.2f}')}{error}"


def tabulate_modules(profile: Profile, rows: int = 12) -> Table:
    """Return the modules that take the most time of a profile, summed over repeated blocks."""
    groups = group_modules(profile)[:rows]
    return build_table(
        [
            TextColumn(say("layers.module"), [group.name for group in groups]),
            TextColumn(say("layers.kind"), [translate(group.kind) for group in groups]),
            TextColumn(say("layers.stage"), [translate(group.stage) for group in groups]),
            TextColumn(
                say("layers.modules"), [str(group.modules) for group in groups], numeric=True
            ),
            TextColumn(
                say("layers.time_ms"),
                [format_number(group.time_ms) for group in groups],
                numeric=True,
            ),
            TextColumn(
                say("layers.share"), [format_percent(group.share) for group in groups], numeric=True
            ),
            TextColumn(
                say("layers.work"),
                [format_quantity(group.flops or None, "FLOP") for group in groups],
                numeric=True,
            ),
            TextColumn(
                say("layers.parameters"),
                [_format_count(group.parameters) for group in groups],
                numeric=True,
            ),
        ]
    )


def _format_count(value: float | None) -> str:
    """Return a large count with a prefix, e.g. `3.74 G`; a dash for none."""
    return format_quantity(value, "").rstrip() if value else DASH
