"""Resolves the gates of a study to cells, and checks them before any job starts."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from vlmeter.config.base import suggest_name
from vlmeter.config.gates import GateConfig
from vlmeter.errors import UserError
from vlmeter.results.gates import GatePlan
from vlmeter.storage.layout import CellKey, StudyFolder
from vlmeter.storage.texts import find_path
from vlmeter.study.study import Cell, Study


@cache
def _list_units() -> dict[str, str]:
    """Return the unit of each column of the summary that holds numbers."""
    # Imported here: a study without gates does not wait for the columns.
    from vlmeter.results.summary_row import SUMMARY_COLUMNS  # noqa: PLC0415

    return {
        column.name: column.unit
        for column in SUMMARY_COLUMNS
        if column.kind in ("number", "integer")
    }


def plan_gates(study: Study) -> tuple[GatePlan, ...]:
    """Return the gates with the cells that each applies to."""
    return tuple(
        GatePlan(
            metric=gate.metric,
            unit=_list_units().get(gate.metric, ""),
            is_column=gate.metric in _list_units(),
            max=gate.max,
            min=gate.min,
            baseline=_find_baseline(gate),
            max_increase_percent=gate.max_increase_percent,
            max_decrease_percent=gate.max_decrease_percent,
            cells=tuple(CellKey(cell.dataset, cell.id) for cell in _select_cells(study, gate)),
        )
        for gate in study.config.gates
    )


def list_baseline_files(study: Study) -> list[str]:
    """Return the files that relative gates read: each baseline, and how well it repeats."""
    summaries = dict.fromkeys(filter(None, map(_find_baseline, study.config.gates)))
    beside = [str(StudyFolder(Path(summary).parent).repeatability) for summary in summaries]
    return [*summaries, *(path for path in beside if Path(path).exists())]


def check_gates(study: Study, file: str) -> None:
    """Check that every gate applies to a cell, and that its baseline is there.

    Args:
        study: The study.
        file: Its config file, which the messages name.

    Raises:
        UserError: one sentence per mistake, each with the file and the key.
    """
    problems = [
        f"gates[{place}]{problem}"
        for place, gate in enumerate(study.config.gates)
        for problem in _list_problems(study, gate)
    ]
    if problems:
        raise UserError("\n".join(f"{file}: {problem}" for problem in problems))


def _list_problems(study: Study, gate: GateConfig) -> Iterator[str]:
    figures = [*_list_units(), *_list_task_figures(study)]
    if gate.metric not in figures:
        hint = _suggest_figure(gate.metric, figures)
        yield f'.metric: "{gate.metric}" is no figure of this study{hint}'
        return
    mistakes = [*_find_undefined_names(study, gate), *_find_datasets_without_figure(study, gate)]
    yield from mistakes
    if not mistakes and not _select_cells(study, gate):
        yield f" ({gate.metric}): no cell is meant; see `sections`, `datasets` and `cells`"
    baseline = _find_baseline(gate)
    if baseline is not None:
        yield from _find_baseline_problems(study, Path(baseline))


def _find_baseline(gate: GateConfig) -> str | None:
    """Return the path of a gate's baseline as the disk writes it."""
    return None if gate.baseline is None else str(find_path(Path(gate.baseline)))


def _find_undefined_names(study: Study, gate: GateConfig) -> Iterator[str]:
    sections = {section.name for section in study.sections}
    named = [
        *((".sections", name, sections) for name in gate.sections),
        *((".datasets", name, set(study.config.datasets)) for name in gate.datasets),
    ]
    defined_values = (
        ("model", set(study.config.models)),
        ("prompt", {cell.axes.prompt for cell in study.cells}),
        ("optimization", set(study.config.known_optimizations)),
    )
    for axis, defined in defined_values:
        value = getattr(gate.cells, axis)
        if value is not None:
            named.append((f".cells.{axis}", value, defined))
    for key, name, defined in named:
        if name not in defined:
            yield f'{key}: "{name}" is not defined{suggest_name(name, defined)}'


def _find_datasets_without_figure(study: Study, gate: GateConfig) -> Iterator[str]:
    for name in gate.datasets if gate.metric not in _list_units() else []:
        block = study.config.datasets.get(name)
        if block is not None and gate.metric not in _list_figures(block.task):
            yield f'.datasets: "{name}" is scored without {gate.metric}: its task is {block.task}'


def _find_baseline_problems(study: Study, baseline: Path) -> Iterator[str]:
    if not baseline.is_file():
        yield f".baseline: {baseline} is no file; give the summary.csv of a finished study"
    elif study.folder.root.resolve() in baseline.resolve().parents:
        yield (
            f".baseline: {baseline} is a result of this very study, which would be held against "
            "itself; keep a copy of it elsewhere"
        )


def _suggest_figure(name: str, figures: list[str]) -> str:
    """Return a hint that does not list a hundred columns."""
    hint = suggest_name(name, figures)
    return hint if "did you mean" in hint else "; see docs/columns.md and the task's metrics"


def _select_cells(study: Study, gate: GateConfig) -> list[Cell]:
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
            gate.metric in _list_units()
            or gate.metric in _list_figures(study.config.datasets[cell.dataset].task)
        )
    ]


def _list_task_figures(study: Study) -> list[str]:
    tasks = dict.fromkeys(block.task for block in study.config.datasets.values())
    return [name for task in tasks for name in _list_figures(task)]


@cache
def _list_figures(task: str) -> tuple[str, ...]:
    # Imported here: a study without gates does not wait for what scores it.
    from vlmeter.metrics.evaluate import evaluate  # noqa: PLC0415

    return tuple(figure.name for figure in evaluate(task, [], seed=0, resamples=1).figures)
