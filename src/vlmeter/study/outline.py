"""A study as the report tells it: plain data for figures, tables and pages."""

from functools import cache
from typing import Any

from vlmeter.study.study import Cell, Plain, SectionCell, Study


def section_outline(study: Study, name: str) -> Plain:
    """Return a section as plain data: what its figure needs."""
    section = study.section(name)
    return {
        "name": section.name,
        "fixed": section.fixed,
        "varied": section.varied,
        "datasets": list(section.datasets),
        "cells": [_entry(entry) for entry in section.cells],
    }


def dataset_outline(study: Study) -> Plain:
    """Return how the data sets are named in tables and figures."""
    return {
        name: {"label": block.label or name, "task": block.task}
        for name, block in study.config.datasets.items()
    }


def decision_outline(study: Study) -> Plain:
    """Return what the figure of quality against cost needs to know, as plain data."""
    outline = report_outline(study)
    labels = {name: {"label": model["label"]} for name, model in outline["models"].items()}
    known = {key: outline[key] for key in ("base", "references")}
    return {**known, "datasets": dataset_outline(study), "models": labels}


def gallery_plan(study: Study) -> Plain:
    """Return which samples and answers the report shows."""
    references = by_dataset(study.reference_cells)
    return {"samples": study.config.report.gallery_samples, "references": references}


@cache
def report_outline(study: Study) -> Plain:
    """Return the study as plain data, in the order in which the report tells it."""
    config = study.config
    base_model = config.models[config.base.model]
    title = config.report.title or base_model.label or _source_words(base_model.source)
    datasets = {
        name: {
            **outline,
            "source": _source_words(config.datasets[name].source),
            "licence": config.datasets[name].licence,
        }
        for name, outline in dataset_outline(study).items()
    }
    layers = None
    if config.layers is not None:
        cells = [{"cell": cell.id, "axes": cell.axes.as_dict()} for cell in study.layer_cells]
        layers = {"dataset": config.layers.dataset, "cells": cells}
    return {
        "study": config.study,
        "title": title,
        "language": "en",
        "models": {
            name: {
                "label": model.label or name,
                "source": _source_words(model.source),
                "revision": model.source.revision,
                "licence": model.licence,
            }
            for name, model in config.models.items()
        },
        "datasets": datasets,
        "base": study.base_axes.as_dict(),
        "base_cells": {name: cell.id for name, cell in study.base_cells.items()},
        "references": by_dataset(study.reference_cells),
        "sections": [
            {
                **section_outline(study, section.name),
                "title": section.title,
                "note": section.note,
            }
            for section in study.sections
        ],
        "layers": layers,
        "measure": config.measure.model_dump(mode="json"),
    }


def _entry(entry: SectionCell) -> Plain:
    return {
        "dataset": entry.cell.dataset,
        "values": entry.values,
        "label": entry.label,
        "cell": entry.cell.id,
        "axes": entry.cell.axes.as_dict(),
    }


def _source_words(source: Any) -> str:  # noqa: ANN401 - a model's source or a data set's
    return str(source.hub or source.path or "synthetic")


def by_dataset(references: dict[tuple[str, str], "Cell"]) -> dict[str, dict[str, str]]:
    """Return the references' ids by data set and model, as plain data."""
    by_model: dict[str, dict[str, str]] = {}
    for (dataset, model), cell in references.items():
        by_model.setdefault(dataset, {})[model] = cell.id
    return by_model
