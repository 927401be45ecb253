"""What records say in English is said in the reader's language, with its values."""

import ast
import html
import re
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path

import pytest
from study_factory import MadeStudy
from study_steps import render_all

from vlmeter.code_digest import import_closure
from vlmeter.data import cells
from vlmeter.measure.energy import sources
from vlmeter.metrics import multiple_choice
from vlmeter.reporting.language import LANGUAGES, LOCALES, read_catalogue, translate, use_language
from vlmeter.reporting.recorded import PREFIX, compile_form, list_placeholders
from vlmeter.software import compilers

SOURCE = Path(__file__).parents[3] / "src/vlmeter"
ENGLISH = {
    key: str(text)
    for key, text in read_catalogue("en", LOCALES).messages.items()
    if key.startswith(PREFIX)
}
SPOKEN = {
    **dict.fromkeys(("Sentence", "UnsupportedError", "UnavailableError"), (0,)),
    **dict.fromkeys(("UnusableError", "CellError", "PromptError", "TemplateTooLongError"), (0,)),
    **{"BadSample": (1,), "Unreadable": (0, 1)},
}
"""What is called with a sentence that a record keeps, and the places of such arguments."""
RAISED = {
    **dict.fromkeys(("UserError", "ValueError", "RuntimeError", "WrongLengthError"), (0,)),
    # What a file is made again by, what is needed of a cell of a table, the answers' part.
    **{"say_remedy": (1,), "_say_remedy": (1,), "_refuse": (2,), "_Part": (1,)},
}
"""The same in the modules of a cell's job, and in what reads a gate's baseline."""
WORKERS = [f"vlmeter.cell.worker.{path.stem}" for path in (SOURCE / "cell/worker").glob("[!_]*.py")]
JOBS = {
    *(path for module in WORKERS for path in import_closure(module).values()),
    *(SOURCE / "cell/gather_shards.py", SOURCE / "results/tables.py"),
}
REASONS = {
    "metrics": {
        *("problem", "unsuited", "explain_no_reference", "note_missing_spaces"),
        *("_explain_unpaired", "_note_missing_uncertainty"),
    },
    "data": {"read_picture", "_read_file", "_find_file", "try_to_convert", "_refuse"},
    "models": {"find_forms"},
}
"""Functions of a package that return one, or keep one in a table."""
NEVER_ON_A_PAGE = (
    # Columns and keys of the config, for the English reference.
    "axes.py",
    # For the terminal and the logs.
    *("machine/locks.py", "machine/isolation.py: find_hindrance", "storage/archive.py"),
    # It ends a job before or after a cell's, and with it the run.
    *("software/plugins.py", "data/columns.py", "models/config_file.py"),
    *("models/random_weights.py", "cell/measurement.py", "cell/gather_shards.py: _check_parts"),
    # A mistake of this code: what it says is for developers.
    *("machine/isolation.py: run_isolated", "measure/student_t.py"),
    *("measure/conditions.py: stop", "measure/conditions.py: summarise"),
    # Such a text is taken as it is.
    "data/json_values.py: _parse_carefully",
    # A name of a library.
    "models/prequantized.py: _name_library",
)
IN_PARTS = {
    "it needs {}, which {} not installed: run `{}` and run again": (
        "it needs 1, which is not installed: run `2` and run again",
        "it needs 1 and 2, which are not installed: run `3` and run again",
    ),
    "torch {}, built for CUDA {}, cannot use the GPU{}": (
        "torch 1, built for CUDA 2, cannot use the GPU",
        "torch 1, built for CUDA 2, cannot use the GPU under the NVIDIA driver 3",
    ),
    " under the NVIDIA driver {}": (),
    "{}{}: {}.": (
        "11 lacks 12: 13.",
        "11: 12 is 13, not a 14: 15.",
        "11: its content is 12, not a 13: 14.",
    ),
    "cannot be decoded (no known image format)": (
        "its image cannot be decoded (no known image format)",
        "11 cannot be decoded (no known image format)",
    ),
    "cannot be decoded ({})": ("11 cannot be decoded (12)",),
    "{} that can be measured: {}": ("this machine has no 1 device that can be measured: 2",),
}
"""Sentences whose grammar is in a value, as they come out."""
SETTING = "image_input native: "
"""A key of the config with its value, which no language changes."""


def list_texts(node: ast.expr) -> list[tuple[str, ...]]:
    """Return what a string can be in parts: its own words, and `{}` or `{}%` for each value."""
    if isinstance(node, ast.Constant):
        return [(str(node.value),)]
    if isinstance(node, ast.IfExp):
        return [*list_texts(node.body), *list_texts(node.orelse)]
    if isinstance(node, ast.FormattedValue):
        form = ast.unparse(node.format_spec) if node.format_spec else ""
        if isinstance(node.value, ast.IfExp):
            return list_texts(node.value)
        return [("{}%" if form.endswith(("%'", '%"')) else "{}",)]
    if isinstance(node, ast.JoinedStr):
        parts = product(*map(list_texts, node.values))
        return [tuple(word for part in parts_of_text for word in part) for parts_of_text in parts]
    return []


def list_spoken(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Yield each sentence of a module that a record may keep, with its function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    spoken = SPOKEN | RAISED if path in JOBS else SPOKEN
    owners = {id(node): owner.name for owner in functions for node in ast.walk(owner)}
    for node in ast.walk(tree):
        owner = owners.get(id(node), "")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for place in spoken.get(node.func.id, ()):
                yield from ((owner, text) for text in node.args[place : place + 1])
        elif (
            isinstance(node, ast.Return | ast.Assign)
            and node.value is not None
            and owner in REASONS.get(path.parent.name, ())
        ):
            yield owner, node.value


def number_values(shape: str) -> str:
    """Return a sentence with a number of two digits in the place of each value."""
    parts = shape.split("{}")
    return "".join(f"{words}{number}" for number, words in enumerate(parts[:-1], 11)) + parts[-1]


def list_samples() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        for owner, node in list_spoken(path):
            place = f"{module}: {owner}"
            for parts in [] if place.startswith(NEVER_ON_A_PAGE) else list_texts(node):
                shape = "".join(parts)
                texts = IN_PARTS.get(shape, (number_values(shape),))
                # What is made of other sentences alone has no words of its own.
                yield from ((place, text) for text in texts if re.search("[a-z]{2}", text))


SAMPLES = dict.fromkeys(list_samples())


def test_the_sentences_of_the_code_are_seen():
    texts = {text for _, text in SAMPLES}
    assert len(texts) > 200
    assert {
        *("other processes took 11% of the machine's processor time", "empty reference"),
        *("has no image", "answer index 11 is not among its 12 choices", "a text is needed"),
        *("11 is missing or cut short: delete 12 and run again.", "shard 11 of 12"),
        "another image gives the same logits: the model does not see it",
    } <= texts
    assert set(IN_PARTS) <= {
        "".join(parts)
        for path in SOURCE.rglob("*.py")
        for _, node in list_spoken(path)
        for parts in list_texts(node)
    }


@pytest.mark.parametrize(("place", "text"), list(SAMPLES))
def test_each_sentence_that_a_record_keeps_is_translated_whole(place, text):
    with use_language("ru"):
        shown = translate(text)
    assert not re.search("[a-z]{2,} [a-z]{2,}", shown.removeprefix(SETTING)), f"{place}: {text}"
    assert sorted(re.findall(r"\d+", shown)) == sorted(re.findall(r"\d+", text)), place
    assert translate(text) == text


def test_the_methods_and_remedies_that_sentences_name_are_translated():
    needs = (need for device in ("cpu", "cuda") for need in compilers._NEEDS[device])
    with use_language("ru"):
        for text in (
            *(method for _, method in sources._CPU_MODES.values()),
            "NVML total energy counter, whole GPU",
            "power samples of NVML by codecarbon, one a second",
            *(need.sentence for need in needs),
        ):
            assert not re.search("[a-z]{2,} [a-z]{2,}", translate(text)), text


def list_held() -> Iterator[str]:
    """Yield what a cell of a table that cannot be used holds, in words."""
    for single, several in (*cells._KINDS.values(), *cells._UNREADABLE.values()):
        yield from (single, f"a list of {several}", f"a list with {several}")
    tables: list[dict[str, object]] = [{}, {"a": 1}, dict.fromkeys("abcdefgh")]
    for value in (*tables, *([table] for table in tables), [], [[1]], range(1), [range(1)]):
        yield cells.describe_kind(value)


def test_what_a_column_holds_is_translated_and_its_name_is_not():
    with use_language("ru"):
        for held in list_held():
            shown = translate(f"has {held} in column texts, where a text is needed")
            assert shown.startswith("в столбце texts "), held
            assert not re.search("[a-z]{2,} [a-z]{2,}", shown.removeprefix("в столбце texts")), held


def test_the_accuracies_are_named_in_the_language():
    labels = [label for _, label, _ in multiple_choice._READINGS]
    with use_language("ru"):
        assert all(translate(label).startswith("Точность") for label in labels)


def test_each_entry_with_values_is_a_sentence_of_the_code():
    made = ["beam search of 1 beams, length penalty 2", *list_held()]
    made += [text for _, text in SAMPLES]
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                made += [number_values("".join(parts)) for parts in list_texts(node)]
    entries = {key: compile_form(text) for key, text in ENGLISH.items() if "{" in text}
    unused = {key for key, form in entries.items() if not any(map(form.search, made))}
    assert not unused


def fill(text: str, value: str) -> str:
    kinds = list_placeholders(text)
    plain = re.sub(r"\{(\w+):\w+\}", r"{\1}", text)
    values = {
        name: {"number": "12.5", "word": "gpu0"}.get(kind, value) for name, kind in kinds.items()
    }
    return plain.format(**values)


@pytest.mark.parametrize("value", ["12", "two words", "GPU 0 (a, b): x", "a, b and c; d"])
def test_no_sentence_fits_two_entries(value):
    forms = {key: compile_form(text) for key, text in ENGLISH.items()}
    for key, text in ENGLISH.items():
        filled = fill(text, value)
        assert [other for other, form in forms.items() if form.fullmatch(filled)] == [key], filled


def test_the_catalogues_have_the_same_placeholders_of_the_same_kinds():
    for language in LANGUAGES:
        messages = read_catalogue(language, LOCALES).messages
        for key, text in ENGLISH.items():
            assert list_placeholders(str(messages[key])) == list_placeholders(text), key


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "the window was 0.123 s and 2.5 s are needed",
            "окно длилось 0,123 с, а нужно 2,5 с",
        ),
        # No number, though it looks like one.
        (
            "the GPU has compute capability 7.5 and no fp8, which begins at 8.9: take int8 or int4",
            "у GPU вычислительная способность 7.5, а fp8 есть начиная с 8.9: возьмите int8 или "
            "int4",
        ),
        (
            "killed by SIGKILL, as the system does when memory runs out",
            "процесс остановлен сигналом SIGKILL, как поступает система, когда кончается память",
        ),
        (
            "gpu0 was slowed down (a); gpu1 was slowed down (b)",
            "gpu0 замедлялся (a); gpu1 замедлялся (b)",
        ),
        (
            "CUDA out of memory; other processes hold 3.5 of the 80.1 GB of GPU 0 (x): end them",
            "CUDA out of memory; другие процессы занимают 3,5 из 80,1 ГБ памяти GPU 0 (x): "
            "завершите их",
        ),
        (
            "the idle power of cpu is not known: its power did not come to rest within 30 s",
            "мощность в простое (cpu) неизвестна: за 30 с мощность не установилась",
        ),
        (
            "model x is of the type y: its processor takes no images; types known to work: a, b",
            "модель x относится к типу y: её препроцессор не принимает изображений; проверены "
            "типы: a, b",
        ),
        (
            "q1: empty reference: nothing is left of it without punctuation; q2: no prediction",
            "q1: пустой эталон: без пунктуации от него ничего не остаётся; q2: нет предсказания",
        ),
        (
            "beam search of 3 beams, length penalty 0.5; at most 20 new tokens; end of answer: "
            "token 2, 3; padding on the left",
            "поиск по 3 лучам, штраф за длину 0,5; новых токенов не более 20; конец ответа: "
            "токен 2, 3; дополнение слева",
        ),
        (
            "q1: has a list of numbers in column texts, where a text is needed; q2: has no image: "
            "a.png is an address; only files beside the table are read",
            "q1: в столбце texts — список (числа), а нужен текст; q2: нет изображения: a.png — "
            "адрес; читаются только файлы рядом с таблицей",
        ),
        (
            "q1: its image cannot be decoded (no known image format); q2: b.png cannot be decoded "
            "(mode I says nothing about what is white: save it in 8 bits)",
            "q1: изображение не декодируется (неизвестный формат изображения); q2: b.png не "
            "декодируется (режим I не говорит, что считать белым: сохраните изображение в 8 битах)",
        ),
        (
            "shard 2 of 4: my results/a.json is damaged: its checksum is not that of what was "
            "written; delete it and run again.",
            "шард 2 из 4: my results/a.json: файл повреждён, контрольная сумма не та, что была при "
            "записи; удалите его и запустите снова.",
        ),
        (
            "a.parquet is missing: delete a.json and run again.",
            "a.parquet: файла нет; удалите a.json и запустите снова.",
        ),
        (
            "ValueError: another image gives the same logits: the model does not see it",
            "ValueError: другое изображение даёт те же логиты: модель его не видит",
        ),
    ],
)
def test_the_values_go_into_the_other_sentence(text, shown):
    with use_language("ru"):
        assert translate(text) == shown


def test_values_that_the_catalogue_has_are_translated_too():
    end = (
        " took time in passes of one kind alone, with hooks or with marks at the stages' "
        "boundaries: all rows are scaled alike"
    )
    with use_language("ru"):
        assert translate(f"vision, prefill, the rest{end}").startswith(
            "у стадий (зрение, префилл, остальное) время есть"
        )
        # A list with a name that is none of the catalogue's is data.
        assert translate(f"vision, tower{end}").startswith("у стадий (vision, tower) время есть")


@pytest.mark.parametrize(
    "text",
    [
        "Foo: bar baz",
        "vision: sdpa; other: eager",
        "{stages} {0} {}",
        "a b: " * 5000,
        "TDP 1 W from " * 5000,
        "the idle power of cpu is not known; " * 2,
    ],
)
def test_what_the_catalogue_does_not_have_stays(text):
    with use_language("ru"):
        assert translate(text) == text


def test_hostile_values_are_values():
    with use_language("ru"):
        shown = translate("GPU 1 is lost ({0.__class__} <b>{index}</b>): reset it, or reboot")
    assert "({0.__class__} <b>{index}</b>)" in shown


ON_A_PAGE = {
    "status": "torch.compile fails on this model: aten::foo",
    "disturbance": "other processes took 12% of the machine's processor time",
    "energy": "the window was 0.123 s and 2.5 s are needed",
    "substitution": "qformer was to run with sdpa and ran with eager",
    "damaged file": "a.json is missing or cut short: delete b.json and run again.",
    "bad sample": "empty reference: nothing is left of it without punctuation",
    "unusable sample": "has a number in column image, where an image is needed",
    "word error rate": "no sample could be scored",
    "stages": "vision took time in passes of one kind alone, with hooks or with marks at the "
    "stages' boundaries: all rows are scaled alike",
    "decode step": "the language model was not called once for each token",
    "profile": "took longer than the 600 s of measure.timeout_s",
    "decoding": "at most 16 new tokens",
}
"""A sentence for each place of a page that shows what a record says."""


def make_study_with_reasons() -> MadeStudy:
    study = MadeStudy()
    reasons = cycle([ON_A_PAGE["status"], ON_A_PAGE["damaged file"]])
    for record in study.records.values():
        if record["status"] != "ok":
            record["reason"] = next(reasons)
            continue
        record["conditions"] |= {"disturbed": True, "disturbance": ON_A_PAGE["disturbance"]}
        record["model"]["not_as_asked"] = [ON_A_PAGE["substitution"]]
        record["quality"]["bad_samples"] = [
            {"id": place, "reason": ON_A_PAGE[place]} for place in ("bad sample", "unusable sample")
        ]
        record["energy"] = None
        record["energy_detail"]["energy_reason"] = ON_A_PAGE["energy"]
        record["wer_value"] = None
        for metric in record["quality"]["metrics"]:
            if metric["name"] == "wer":
                unscored = {"value": None, "low": None, "high": None}
                metric |= {**unscored, "note": ON_A_PAGE["word error rate"]}
    *measured, (rows, failed) = study.profiles.values()
    for own, record in measured:
        record |= {"stages_reason": ON_A_PAGE["stages"], "decode_reason": ON_A_PAGE["decode step"]}
        own[:] = [row for row in own if row["stage"] != "decode"]
    rows.clear()
    failed |= {"status": "crashed", "reason": ON_A_PAGE["profile"]}
    return study


def test_each_place_of_the_pages_shows_them_in_its_language(study_folder):
    render_all(make_study_with_reasons(), study_folder, draw=False)
    for name in ("report.md", "study.html"):
        # Blocks of JSON are data, the same in every language.
        english, russian = (
            re.sub(
                r"```.*?```|<pre>.*?</pre>",
                "",
                html.unescape((study_folder / path).read_text(encoding="utf-8")),
                flags=re.DOTALL,
            )
            for path in (name, name.replace(".", ".ru."))
        )
        lacks = {place for place, text in ON_A_PAGE.items() if text not in english}
        # The Markdown has no records of single settings.
        assert lacks == ({"disturbance"} if name == "report.md" else set()), name
        assert {place for place, text in ON_A_PAGE.items() if text in russian} == set(), name
