"""Which cells each gate of a study holds, as plain data; what is wrong with a gate, in words."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from vlmeter.config.base import did_you_mean
from vlmeter.config.gates import Gate
from vlmeter.errors import UserError
from vlmeter.results.summary_columns import SUMMARY_COLUMNS
from vlmeter.study.study import Cell, Plain, Study

_COLUMNS = {
    column.name: column.unit for column in SUMMARY_COLUMNS if column.kind in ("number", "integer")
}


def gate_plan(study: Study) -> list[Plain]:
    """Return the gates with the cells that each holds; sections and data sets are resolved."""
    return [
        {
            "metric": gate.metric,
            "unit": _COLUMNS.get(gate.metric, ""),
            "is_column": gate.metric in _COLUMNS,
            **gate.model_dump(
                mode="json",
                include={"max", "min", "baseline", "max_increase_percent", "max_decrease_percent"},
            ),
            "cells": [[cell.dataset, cell.id] for cell in _held(study, gate)],
        }
        for gate in study.config.gates
    ]


def baselines(study: Study) -> list[str]:
    """Return the files that relative gates read: each baseline, and how well it repeats."""
    named = dict.fromkeys(gate.baseline for gate in study.config.gates if gate.baseline)
    beside = [str(Path(name).with_name("repeatability.json")) for name in named]
    return [*named, *(name for name in beside if Path(name).exists())]


def check_gates(study: Study, file: str) -> None:
    """See that every gate holds something, and that its baseline is there.

    Args:
        study: The study.
        file: Its config file, to be named.

    Raises:
        UserError: one sentence per mistake, each with the file and the key.
    """
    problems = [
        f"gates[{place}]{problem}"
        for place, gate in enumerate(study.config.gates)
        for problem in _problems(study, gate)
    ]
    if problems:
        raise UserError("\n".join(f"{file}: {problem}" for problem in problems))


def _problems(study: Study, gate: Gate) -> Iterator[str]:
    known = [*_COLUMNS, *_figures_of(study)]
    if gate.metric not in known:
        yield f'.metric: "{gate.metric}" is no figure of this study{_near(gate.metric, known)}'
        return
    unknown = [*_unknown_names(study, gate), *_without_the_figure(study, gate)]
    yield from unknown
    if not unknown and not _held(study, gate):
        yield f" ({gate.metric}): no cell is meant; see `sections`, `datasets` and `cells`"
    if gate.baseline is not None:
        yield from _baseline_problems(study, Path(gate.baseline))


def _unknown_names(study: Study, gate: Gate) -> Iterator[str]:
    sections = {section.name for section in study.sections}
    named = [
        *((".sections", name, sections) for name in gate.sections),
        *((".datasets", name, set(study.config.datasets)) for name in gate.datasets),
    ]
    of_axes = (
        ("model", set(study.config.models)),
        ("prompt", {cell.axes.prompt for cell in study.cells}),
        ("optimization", set(study.config.known_optimizations)),
    )
    for axis, known in of_axes:
        value = getattr(gate.cells, axis)
        if value is not None:
            named.append((f".cells.{axis}", value, known))
    for key, name, known in named:
        if name not in known:
            yield f'{key}: "{name}" is not defined{did_you_mean(name, known)}'


def _without_the_figure(study: Study, gate: Gate) -> Iterator[str]:
    for name in gate.datasets if gate.metric not in _COLUMNS else []:
        block = study.config.datasets.get(name)
        if block is not None and gate.metric not in _figures(block.task):
            yield f'.datasets: "{name}" is scored without {gate.metric}: its task is {block.task}'


def _baseline_problems(study: Study, baseline: Path) -> Iterator[str]:
    if not baseline.is_file():
        yield f".baseline: {baseline} is no file; give the summary.csv of a finished study"
    elif study.folder.root.resolve() in baseline.resolve().parents:
        yield (
            f".baseline: {baseline} is a result of this very study, which would be held against "
            "itself; keep a copy of it elsewhere"
        )


def _near(name: str, known: list[str]) -> str:
    """Return a hint that does not list a hundred columns."""
    hint = did_you_mean(name, known)
    return hint if "did you mean" in hint else "; see docs/columns.md and the task's metrics"


def _held(study: Study, gate: Gate) -> list[Cell]:
    wanted = gate.cells.model_dump(mode="json", exclude_none=True)
    placed = {
        entry.cell
        for section in study.sections
        if not gate.sections or section.name in gate.sections
        for entry in section.cells
    }
    return [
        cell
        for cell in study.cells
        if cell in placed
        and cell.dataset in (gate.datasets or study.config.datasets)
        and all(getattr(cell.axes, axis) == value for axis, value in wanted.items())
        and (
            gate.metric in _COLUMNS
            or gate.metric in _figures(study.config.datasets[cell.dataset].task)
        )
    ]


def _figures_of(study: Study) -> list[str]:
    tasks = dict.fromkeys(block.task for block in study.config.datasets.values())
    return [name for task in tasks for name in _figures(task)]


@cache
def _figures(task: str) -> tuple[str, ...]:
    # Imported here: a study without gates does not wait for what scores it.
    from vlmeter.metrics.evaluate import evaluate  # noqa: PLC0415

    return tuple(one.name for one in evaluate(task, [], seed=0, resamples=1).figures)
