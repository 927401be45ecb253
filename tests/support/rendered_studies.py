from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from made_once import make_once
from study_factory import MadeStudy
from study_files import Files
from study_steps import render_all

TEXTS = {
    "en": {
        "sections.image_size.title": "Image size",
        "sections.device.title": "GPU vs CPU",
        "datasets.scienceqa.label": "ScienceQA",
    },
    "ru": {
        "sections.image_size.title": "Размер картинки",
        "sections.device.note": "Одна модель",
        "datasets.scienceqa.label": "Задачи",
    },
}


def make_translated_study() -> MadeStudy:
    study = MadeStudy()
    study.edit_outline(texts=TEXTS)
    return study


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The made-up study, with some texts in two languages, rendered once."""
    return make_once(tmp_path_factory, "study", partial(render_all, make_translated_study()))


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The same study with every cell crashed."""
    study = MadeStudy()
    study.fail_everything()
    return make_once(tmp_path_factory, "failed", partial(render_all, study))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The same study with texts that try to break out of their place."""
    return make_once(tmp_path_factory, "hostile", partial(render_all, hostile_study()))


def hostile_study() -> MadeStudy:
    study = MadeStudy()
    bad = '<script>alert("x")</script><img src=x onerror=y> | `a` ]](http://evil) \x00\x1b[31m $x$'
    study.words = f"=1+1 {bad}\n\n| # <b>not</b> a heading"
    study.edit_model(label=f"M {bad}", licence=bad)
    note = f"- {bad}\n\n# not a heading\n\n```\nnot code\n```"
    study.edit_outline(
        title=f"=T {bad}",
        study=f"S {bad}",
        datasets={
            name: replace(dataset, label=f"_{dataset.label} {bad}", source=bad)
            for name, dataset in study.outline.datasets.items()
        },
        sections=tuple(
            replace(section, title=f"{section.title} {bad}", note=note)
            for section in study.outline.sections
        ),
    )
    for record in study.records.values():
        if record["status"] != "ok":
            record["reason"] = f'=cmd|"/C calc"!A0 {bad}\n\n## not a heading'
        else:
            record["quality"]["metrics"][3]["label"] = bad
            record["quality"]["definition"] = bad
            record["quality"]["bad_samples"] = [{"id": bad, "reason": bad}]
            record["energy_detail"]["components"][0]["method"] = bad
    for rows, _record in study.profiles.values():
        rows[0]["module"] = bad
        rows[0]["kind"] = bad
    lost = list(study.profiles.values())[-1]
    lost[0].clear()
    lost[1].update(status="error", reason=bad)
    return study


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    return tmp_path
