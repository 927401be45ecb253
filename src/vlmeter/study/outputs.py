"""Lists the files that a finished study keeps, job by job."""

from collections.abc import Iterator
from pathlib import Path

from vlmeter.reporting.language import LANGUAGES, get_figure_path, get_page_path
from vlmeter.study.study import Cell, Study


def list_outputs(study: Study) -> Iterator[Path]:
    """Yield all files that a finished study keeps; those of a model are named by its manifest."""
    for name in study.used_datasets:
        yield study.folder.dataset(name).samples
        yield study.folder.dataset(name).manifest
    cells = {*study.cells, *study.layer_cells}
    for name, size in sorted({(cell.dataset, cell.axes.stored_size) for cell in cells}):
        yield study.folder.dataset(name).images(size)
        yield study.folder.dataset(name).images_manifest(size)
    for model, dtype in study.stored_models:
        manifest = study.folder.model_manifest(model, dtype)
        # None is stored for cells whose device is not here.
        if manifest.with_suffix("").is_dir():
            yield manifest
    for cell in study.cells:
        yield from list_cell_outputs(study, cell)
    for cell in study.layer_cells:
        yield from list_layer_outputs(study, cell)
    yield from list_control_outputs(study)
    yield study.folder.machine
    yield study.folder.machine_noted
    yield from list_derived_outputs(study)


def was_finished(study: Study) -> bool:
    """Say whether all records of a study were there once: something that follows from them is."""
    return any(path.exists() for path in list_derived_outputs(study))


def list_cell_outputs(study: Study, cell: Cell) -> Iterator[Path]:
    """Yield the files of a cell."""
    folder = study.folder.cell(cell.key)
    yield from (folder.measurement, folder.predictions, folder.timings)
    yield from (folder.record, folder.scores)
    shards = study.folder.shards(cell.key)
    count = study.config.datasets[cell.dataset].shards
    if study.has_costs_apart(cell):
        yield from (shards.costs, shards.timings)
    if count > 1 and study.find_answering_cell(cell) == cell:
        for number in range(1, count + 1):
            yield from (shards.answers(number, count), shards.manifest(number, count))


def list_layer_outputs(study: Study, cell: Cell) -> Iterator[Path]:
    """Yield the files of a layer profile."""
    yield study.folder.layer_table(cell.key)
    yield study.folder.layer_record(cell.key)


def list_control_outputs(study: Study) -> Iterator[Path]:
    """Yield the files of the second measurement of the base cell, where there is one."""
    if study.control_cell:
        control = study.folder.control
        yield from (control.measurement, control.predictions, control.timings)


def list_derived_outputs(study: Study) -> Iterator[Path]:
    """Yield the files that follow from the records of all cells."""
    folder = study.folder
    yield from (folder.summary, folder.summary_parquet, folder.layers, folder.differences)
    yield from (folder.repeatability, folder.tables, folder.study)
    yield from (folder.fits, folder.money)
    if study.config.gates:
        yield folder.gates
    figures = ["tradeoff", "forest", *(section.name for section in study.sections), "requests"]
    if study.layer_cells:
        figures.append("layers")
    for language in LANGUAGES:
        for figure in figures:
            yield get_figure_path(folder.figure(figure), language)
        yield get_page_path(folder.report, language)
        yield get_page_path(folder.page, language)
    yield from (*folder.table_pages, folder.answers, folder.report_checksums, folder.check)
