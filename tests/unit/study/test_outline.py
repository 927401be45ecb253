"""A study in words: its titles, notes and labels in every language of the report."""

from dataclasses import replace

import pytest

from vlmeter.results.outline import Outline, translate_outline
from vlmeter.study.outline import build_outline, name_section_figure, plan_section_figure


def list_texts(outline: Outline) -> list[str | None]:
    first = outline.sections[0]
    labels = (*outline.labels.datasets.values(), *outline.labels.models.values())
    return [outline.title, first.title, first.note, *labels]


@pytest.fixture
def translated(config):
    config.set("report", {"title": {"en": "Costs", "ru": "Затраты"}})
    config.set("sections.0.title", {"en": "Batches", "ru": "Пакеты"})
    config.set("sections.0.note", {"ru": "Заметка"})
    config.set("datasets.photos.label", {"en": "Photos", "ru": "Фото"})
    return config.set("models.tiny.label", "Tiny").study()


def test_an_outline_has_the_texts_of_its_language(translated):
    outline = build_outline(translated)
    assert list_texts(outline) == ["Costs", "Batches", "Заметка", "Photos", "exams", "Tiny", "huge"]
    russian = translate_outline(outline, "ru")
    assert list_texts(russian) == ["Затраты", "Пакеты", "Заметка", "Фото", "exams", "Tiny", "huge"]
    assert translate_outline(russian, "en") == outline


def test_a_language_that_lacks_a_text_shows_the_other(translated):
    outline = build_outline(translated)
    assert outline.foreign == {"Заметка": "ru"}
    assert translate_outline(outline, "ru").foreign == {"Tiny": "en"}


def test_a_title_that_is_not_given_is_the_base_models_label(config):
    config.set("models.tiny.label", {"en": "Tiny", "ru": "Малая"})
    outline = build_outline(config.set("report", {"title": ""}).study())
    assert outline.title == "Tiny"
    assert translate_outline(outline, "ru").title == "Малая"


def test_an_outline_of_an_older_version_keeps_its_texts(translated):
    old = replace(build_outline(translated), texts={})
    assert list_texts(translate_outline(old, "ru")) == list_texts(old)


def test_an_item_of_snakemakes_report_has_the_titles_of_both_languages(translated):
    name = name_section_figure(translated, "batches")
    assert name.startswith("1 Batches / Пакеты · ")
    assert "Photos / Фото" in name


def test_the_plan_of_a_figure_has_the_labels_of_every_language(translated):
    labels = plan_section_figure(translated, "batches").labels
    assert [labels[name].datasets["photos"] for name in ("en", "ru")] == ["Photos", "Фото"]
