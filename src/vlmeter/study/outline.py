"""Builds what tables, figures and pages need to know of a study."""

from dataclasses import fields
from functools import cache

from vlmeter.config.dataset import DataSourceConfig
from vlmeter.config.memory_sizes import read_memory_size
from vlmeter.config.schema import ModelSourceConfig, StudyConfig
from vlmeter.escaping import one_line
from vlmeter.results.limits import StudyLimits
from vlmeter.results.outline import (
    DatasetInfo,
    ForestPlan,
    GalleryPlan,
    LayersOutline,
    LayersPlan,
    ModelInfo,
    Outline,
    PlacedCell,
    ProfiledCell,
    References,
    SectionGrid,
    SectionOutline,
    SectionPlan,
    SettingsPlan,
)
from vlmeter.results.wishes import MemorySize, Prices
from vlmeter.study.study import Section, SectionCell, Study


@cache
def build_outline(study: Study) -> Outline:
    """Return the whole study, in the order of its report."""
    config = study.config
    base_model = config.models[study.base_axes.model]
    return Outline(
        study=config.study,
        title=config.report.title or base_model.label or _describe_source(base_model.source),
        language="en",
        models={
            name: ModelInfo(
                label=model.label or name,
                source=_describe_source(model.source),
                revision=model.source.revision,
                licence=model.licence,
            )
            for name, model in config.models.items()
        },
        datasets={
            name: DatasetInfo(
                label=block.label or name,
                task=block.task,
                source=_describe_source(block.source),
                licence=block.licence,
            )
            for name, block in config.datasets.items()
        },
        base=study.base_axes,
        base_cells={name: cell.id for name, cell in study.base_cells.items()},
        references=_list_references(study),
        sections=tuple(_build_section(section) for section in study.sections),
        layers=_build_layers(study),
        measure=config.measure.model_dump(mode="json"),
        limits=_list_limits(config),
        memories=tuple(MemorySize(size, read_memory_size(size)) for size in config.fits),
        prices=None if config.money is None else Prices(**dict(config.money)),
    )


def _list_limits(config: StudyConfig) -> StudyLimits:
    asked = config.decide
    floors = asked.min_quality
    if not isinstance(floors, dict):
        floors = dict.fromkeys(config.datasets, floors)
    costs = asked.model_dump(exclude={"min_quality"})
    return StudyLimits(min_quality=floors, **costs)


def plan_section_figure(study: Study, name: str) -> SectionPlan:
    """Return what the figure of a section shows."""
    section = _build_section(study.section(name))
    grid = {field.name: getattr(section, field.name) for field in fields(SectionGrid)}
    return SectionPlan(SectionGrid(**grid), build_outline(study).labels.datasets)


def name_section_figure(study: Study, name: str) -> str:
    """Return a section's number, title and data sets, as a list of figures names it.

    Snakemake's report has names as they are in a script of its own: no tag may stand in them.
    """
    labels = build_outline(study).labels.datasets
    names = [section.name for section in study.sections]
    section = study.section(name)
    datasets = ", ".join(labels[dataset] for dataset in section.datasets)
    number = str(names.index(name) + 1).zfill(len(str(len(names))))
    words = one_line(f"{number} {section.title} · {datasets}")
    return words.replace("<", "‹").replace(">", "›")


def plan_settings_figure(study: Study) -> SettingsPlan:
    """Return what a figure of all settings shows."""
    outline = build_outline(study)
    return SettingsPlan(outline.base, outline.labels)


def plan_forest_figure(study: Study) -> ForestPlan:
    """Return what the figure of what each knob does shows."""
    outline = build_outline(study)
    return ForestPlan(outline.references, outline.labels)


def plan_layers_figure(study: Study) -> LayersPlan:
    """Return what the figure of the layer profiles shows."""
    outline = build_outline(study)
    layers = outline.layers
    return LayersPlan(layers, outline.labels.datasets[layers.dataset] if layers else "")


def plan_gallery(study: Study) -> GalleryPlan:
    """Return which samples and answers the report shows."""
    return GalleryPlan(study.config.report.gallery_samples, _list_references(study))


def _build_section(section: Section) -> SectionOutline:
    return SectionOutline(
        name=section.name,
        fixed=section.fixed,
        varied={axis: tuple(values) for axis, values in section.varied.items()},
        datasets=section.datasets,
        cells=tuple(_place_cell(entry) for entry in section.cells),
        title=section.title,
        note=section.note,
    )


def _place_cell(entry: SectionCell) -> PlacedCell:
    cell = entry.cell
    return PlacedCell(cell.dataset, entry.values, entry.label, cell.id, cell.axes)


def _build_layers(study: Study) -> LayersOutline | None:
    if study.config.layers is None:
        return None
    cells = tuple(ProfiledCell(cell.id, cell.axes) for cell in study.layer_cells)
    return LayersOutline(study.config.layers.dataset, cells)


def _describe_source(source: ModelSourceConfig | DataSourceConfig) -> str:
    return str(source.hub or source.path or "synthetic")


def _list_references(study: Study) -> References:
    by_dataset: References = {}
    for (dataset, model), cell in study.reference_cells.items():
        by_dataset.setdefault(dataset, {})[model] = cell.id
    return by_dataset
