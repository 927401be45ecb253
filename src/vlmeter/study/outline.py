"""Builds what tables, figures and pages need to know of a study."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache

from vlmeter.config.base import Texts
from vlmeter.config.dataset import DataSourceConfig
from vlmeter.config.memory_sizes import read_memory_size
from vlmeter.config.schema import ModelSourceConfig, StudyConfig
from vlmeter.escaping import one_line
from vlmeter.reporting.language import LANGUAGES
from vlmeter.reporting.sections.selection import share_settings
from vlmeter.results.limits import StudyLimits
from vlmeter.results.outline import (
    DatasetInfo,
    ForestPlan,
    GalleryPlan,
    LabelsByLanguage,
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
    translate_labels,
    translate_outline,
)
from vlmeter.results.wishes import MemorySize, Prices
from vlmeter.study.study import Section, SectionCell, Study


@cache
def build_outline(study: Study) -> Outline:
    """Return the whole study, in the order of its report and in its first language."""
    config = study.config
    base_model = config.models[study.base_axes.model]
    outline = Outline(
        study=config.study,
        title=_describe_source(base_model.source),
        language=LANGUAGES[0],
        models={
            name: ModelInfo(
                label=name,
                source=_describe_source(model.source),
                revision=model.source.revision,
                licence=model.licence,
            )
            for name, model in config.models.items()
        },
        datasets={
            name: DatasetInfo(
                label=name,
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
        texts=_collect_texts(config, study.base_axes.model),
    )
    return translate_outline(outline, LANGUAGES[0])


def _collect_texts(config: StudyConfig, base_model: str) -> dict[str, dict[str, str]]:
    """Return the texts of a config by language and key."""
    by_language: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for key, texts in _list_texts(config, base_model):
        if texts is not None:
            for language, text in texts.by_language.items():
                by_language[language][key] = text
    return by_language


def _list_texts(config: StudyConfig, base_model: str) -> Iterator[tuple[str, Texts | None]]:
    title = config.report.title
    yield "report.title", title if title and title.first else config.models[base_model].label
    for name, model in config.models.items():
        yield f"models.{name}.label", model.label
    for name, dataset in config.datasets.items():
        yield f"datasets.{name}.label", dataset.label
    for section in config.sections:
        yield f"sections.{section.name}.title", section.title
        yield f"sections.{section.name}.note", section.note


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
    most = share_settings(len(study.config.sections))
    return SectionPlan(SectionGrid(**grid), _list_labels(study), most)


def name_section_figure(study: Study, name: str) -> str:
    """Return a section's number, title and data sets, as a list of figures names it.

    Snakemake's report has names as they are in a script of its own: no tag may stand in them.
    It shows both languages of a figure as one item with a switch, so the name holds both titles.
    """
    names = [section.name for section in study.sections]
    number = str(names.index(name) + 1).zfill(len(str(len(names))))
    outlines = [translate_outline(build_outline(study), language) for language in LANGUAGES]
    titles = [outline.sections[names.index(name)].title for outline in outlines]
    labels = [outline.labels.datasets for outline in outlines]
    datasets = ", ".join(
        _join_languages(own[dataset] for own in labels) for dataset in study.section(name).datasets
    )
    words = one_line(f"{number} {_join_languages(titles)} · {datasets}")
    return words.replace("<", "‹").replace(">", "›")


def _join_languages(texts: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(texts))


def _list_labels(study: Study) -> LabelsByLanguage:
    return translate_labels(build_outline(study), LANGUAGES)


def plan_settings_figure(study: Study) -> SettingsPlan:
    """Return what a figure of all settings shows."""
    return SettingsPlan(study.base_axes, _list_labels(study))


def plan_forest_figure(study: Study) -> ForestPlan:
    """Return what the figure of what each knob does shows."""
    return ForestPlan(_list_references(study), _list_labels(study))


def plan_layers_figure(study: Study) -> LayersPlan:
    """Return what the figure of the layer profiles shows."""
    return LayersPlan(_build_layers(study), _list_labels(study))


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
        title=section.name,
        note=None,
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
