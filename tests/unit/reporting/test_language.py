"""The report has the same content in every language."""

import re
import string
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from study_factory import MadeStudy

from vlmeter.axes import AXES, AXIS_NAMES
from vlmeter.config.dataset import Task
from vlmeter.errors import UserError
from vlmeter.metrics.registry import TASK_METRICS
from vlmeter.reporting.language import (
    LANGUAGES,
    Message,
    choose_plural_form,
    get_figure_path,
    get_page_path,
    read_catalogue,
    say,
    translate,
    translate_parts,
    use_language,
)
from vlmeter.reporting.provenance import _TRAITS
from vlmeter.results.numbers import (
    format_percent,
    format_quantity,
    format_signed_percent,
    format_with_interval,
)
from vlmeter.status import Status

REPOSITORY = Path(__file__).parents[3]
LOCALES = REPOSITORY / "report" / "locales"
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many"}}
CODE = [*(REPOSITORY / "src/vlmeter").rglob("*.py"), *(REPOSITORY / "report/templates").iterdir()]
FAMILIES = {
    "axis_label": set(AXIS_NAMES),
    "axis_heading": set(AXIS_NAMES),
    "axis_words": {axis.name for axis in AXES if axis.is_number} | {"prompt", "image_input"},
    "status": {*Status, "no_record"},
    "task": set(Task.__args__),
    "trait": set(_TRAITS),
    "unit": {
        *(f"{prefix}{unit}" for unit in ("s", "J", "W") for prefix in ("n", "µ", "m", "")),
        *(f"{prefix}{unit}" for unit in ("J", "W", "B") for prefix in ("k", "M", "G", "T")),
        "B",
    },
    "finding.convolutions": set(),
    "compare_figure": {"latency", "energy", "peak_memory_bytes", "flops", "wer"},
    "compare_judged": {
        f"{word}{end}" for word in ("less", "more", "better", "worse") for end in ("", "_unsure")
    },
}
"""Keys that the code composes: a prefix, and all names that may follow its dot."""


def read_messages(language: str) -> dict[str, Message]:
    return dict(read_catalogue(language, LOCALES).messages)


def list_fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def list_forms(message: Message) -> dict[str, str]:
    return {"other": message} if isinstance(message, str) else dict(message)


def test_the_catalogues_have_the_same_keys():
    keys = [list(read_messages(language)) for language in LANGUAGES]
    assert keys[1:] == keys[:-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_has_its_placeholders_and_its_languages_plurals(language):
    english = read_messages(LANGUAGES[0])
    for key, message in read_messages(language).items():
        expected = set().union(*(list_fields(text) for text in list_forms(english[key]).values()))
        placeholders = [list_fields(text) for text in list_forms(message).values()]
        assert set().union(*placeholders) - {"count"} == expected - {"count"}, key
        if not isinstance(message, str):
            assert set(message) == FORMS[language], key
            assert all(names - {"count"} == expected - {"count"} for names in placeholders), key
        elif isinstance(english[key], str):
            assert list_fields(message) == expected, key


def test_nothing_is_left_in_english():
    english, russian = (read_messages(language) for language in LANGUAGES)
    same = {key for key, text in russian.items() if text == english[key]}
    latin = {key for key in same if re.search("[A-Za-z]{3,}", str(english[key]))}
    assert {re.sub("{[a-z_]+}", "", str(english[key])).strip("() ") for key in latin} <= {
        *("WER", "TTFT", "TPOT", "FLOPs", "CPU", "GPU", "CUDA", "Python", "dtype", "px"),
        *("", ":", "→", "→  (): .", "; {}", "{}: {}"),
        *(str(english[key]) for key in latin if key.startswith("recorded.")),
    }


def test_every_key_is_used_and_every_used_key_is_there():
    code = "\n".join(path.read_text() for path in CODE)
    keys = set(read_messages("en"))
    literal = keys.intersection(re.findall(r"(?<=[\"'])[\w.]+(?=[\"'])", code))
    put_together = {f"{prefix}.{name}" for prefix, names in FAMILIES.items() for name in names}
    starts = {match.rstrip("{") for match in re.findall(r"f[\"']([a-z_]+\.[a-z_]*\{)", code)}
    starts |= set(re.findall(r'"([a-z_]+\.[a-z_]*)" ~ ', code))
    built = {key for key in keys if any(key.startswith(start) for start in starts)}
    assert put_together <= keys
    looped = {key for key in keys if key.startswith(("recorded.", "unit."))}
    assert keys - literal - built - looped == set()
    asked = set(re.findall(r'(?:say|prose)\(\s*"([a-z_.]+)"', code))
    assert {key for key in asked if not key.endswith(".")} - keys == set()


@pytest.mark.parametrize(
    ("language", "count", "form"),
    [
        *(("en", 1, "one"), ("en", 0, "other"), ("en", 21, "other")),
        *(("ru", 1, "one"), ("ru", 21, "one"), ("ru", 11, "many"), ("ru", 3, "few")),
        *(("ru", 13, "many"), ("ru", 5, "many"), ("ru", 0, "many"), ("ru", 102, "few")),
    ],
)
def test_numbers_choose_the_plural_form(language, count, form):
    assert choose_plural_form(language, count) == form


def test_a_language_holds_within_its_block_alone():
    with use_language("ru", LOCALES):
        assert say("machine.cores", count=2) == "2 ядра"
    assert say("machine.cores", count=2) == "2 cores"


def test_numbers_are_written_as_the_language_writes_them():
    with use_language("ru", LOCALES):
        assert format_quantity(0.0268, "s") == "26,8 мс"
        assert format_quantity(25.3e9, "B") == "25,3 ГБ"
        assert format_with_interval(0.657, 0.565, 0.75) == "0,657 [0,565; 0,750]"
        assert format_signed_percent(3.8) == "4,8×"
        assert format_percent(0.0004) == "<0,1 %"
    assert format_quantity(0.0268, "s") == "26.8 ms"


def test_an_untranslated_text_of_a_record_stays_as_it_is():
    with use_language("ru", LOCALES):
        assert translate("{not} a format") == "{not} a format"


def test_every_definition_of_a_metric_is_translated_and_every_text_of_records_is_in_use():
    english = {
        str(text) for key, text in read_messages("en").items() if key.startswith("recorded.")
    }
    definitions = {metric.definition for metrics in TASK_METRICS.values() for metric in metrics}
    assert definitions <= english
    code = " ".join("\n".join(path.read_text() for path in CODE).split())
    # Texts with values are the other file's; "can't be used" is what the published study printed.
    words = {text for text in english - definitions if "{" not in text}
    unused = {text for text in words if text not in code.replace('" "', "")}
    made = {"can't be used", "not measured: random weights"}
    made |= {"a table without keys", "tables without keys"}
    made |= {f"padding on the {side}" for side in ("left", "right")}
    assert unused <= made | {text for text in words if text.startswith("Intervals: 95")}


def test_a_definition_is_translated_part_by_part():
    text = "Exact match: no. " + next(iter(TASK_METRICS["caption"])).definition + " And more."
    with use_language("ru", LOCALES):
        shown = translate_parts(text)
    assert shown.startswith("Exact match: no. WER: ошибочные слова")
    assert shown.endswith(" And more.")
    assert translate_parts(text) == text


def test_values_are_not_read_as_placeholders():
    assert say("prompt.named", name="{x}", words="{0}") == "Prompt {x}: {0}."


def test_files_in_the_first_language_have_no_language_in_their_name():
    assert get_page_path(Path("a/report.md"), "en") == Path("a/report.md")
    assert get_page_path(Path("a/report.md"), "ru") == Path("a/report.ru.md")
    assert get_figure_path(Path("a/b.svg"), "ru") == Path("a/ru/b.svg")


@pytest.mark.parametrize("text", ["[", "- a list", None])
def test_a_broken_catalogue_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "en.yaml").write_text(text)
    with pytest.raises(UserError, match=r"en\.yaml cannot be read as a catalogue"):
        read_catalogue("en", tmp_path)


def list_shape(path: Path) -> list[tuple[str, str]]:
    """Return the elements of a report in order, without their texts."""
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    kinds = ("heading_open", "table_open", "tr_open", "fence", "list_item_open", "td_open")
    return [(token.type, token.tag) for token in tokens if token.type in kinds]


@pytest.mark.parametrize("which", ["rendered", "failed", "hostile"])
def test_both_reports_have_the_same_parts(which, request):
    folder = request.getfixturevalue(which).folder
    english, russian = (list_shape(folder / name) for name in ("report.md", "report.ru.md"))
    assert russian == english


def test_both_reports_have_the_same_figures(rendered):
    english, russian = (
        re.sub(r"```.*?```", "", (rendered.folder / name).read_text(), flags=re.DOTALL)
        for name in ("report.md", "report.ru.md")
    )
    with_points = re.sub(r"(\d),(\d)", r"\1.\2", russian)
    assert with_points != russian
    numbers = [re.findall(r"\d+\.\d+", text) for text in (english, with_points)]
    assert sorted(numbers[0]) == sorted(numbers[1])


def test_the_pages_lead_to_each_other(rendered):
    english, russian = (
        (rendered.folder / name).read_text() for name in ("study.html", "study.ru.html")
    )
    assert '<html lang="en">' in english
    assert '<html lang="ru">' in russian
    assert 'href="study.ru.html"' in english
    assert 'href="study.html"' in russian


def test_each_page_and_figure_has_the_texts_of_its_language(rendered):
    english, russian = (
        [
            (rendered.folder / name).read_text(encoding="utf-8")
            for name in (f"report{end}.md", f"study{end}.html", f"figures/{folder}image_size.svg")
        ]
        for end, folder in (("", ""), (".ru", "ru/"))
    )
    assert all("Размер картинки" in text for text in russian[:2])
    assert not any("Размер картинки" in text for text in english)
    assert all("Задачи" in text and "ScienceQA" not in text for text in russian)
    assert not any("Задачи" in text for text in english)


def test_a_text_that_is_left_in_another_language_says_so(rendered):
    english, russian = (
        (rendered.folder / name).read_text(encoding="utf-8")
        for name in ("study.html", "study.ru.html")
    )
    assert '<h3 lang="en">5) GPU vs CPU</h3>' in russian
    assert "<h3>2) Размер картинки</h3>" in russian
    assert '<p lang="ru">Одна модель</p>' in english
    assert "<p>Одна модель</p>" in russian
    assert "<h3>5) GPU vs CPU</h3>" in english


def test_the_russian_page_has_russian_figures_and_its_base_in_russian(rendered):
    text = (rendered.folder / "study.ru.html").read_text()
    assert "Задержка (мс на батч)" in text
    assert "Latency (ms per batch)" not in text
    assert MadeStudy().outline.title in text
