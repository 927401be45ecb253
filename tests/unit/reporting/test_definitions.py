"""Each value of the report is defined once, with the values of the study as plain text."""

from typing import Any

from vlmeter.reporting.definitions import Definition, list_definitions


def make(**changes: Any) -> list[Definition]:
    study = {
        "rounds": 3,
        "target": 0.02,
        "window_s": 0.5,
        "qualities": (("COCO", "CIDEr"),),
        "prompts": (("COCO, bare", "<b>*{question}*</b>"),),
        "decodings": (("COCO", "greedy"),),
        "overhead": 0.08,
        "has_layers": True,
    }
    return list(list_definitions(**{**study, **changes}))


def test_each_value_is_defined_once():
    names = [definition.name for definition in make() if definition.name]
    assert len(names) == len(set(names))
    assert {"latency", "energy", "flops", "wer", "generation", "per_layer"} <= set(names)


def test_values_of_the_study_are_no_markup():
    (prompt,) = [it.words for it in make() if it.words.startswith("**prompt of")]
    assert "&lt;b&gt;\\*{question}\\*&lt;/b&gt;" in prompt
    latency = next(it.words for it in make() if it.name == "latency")
    assert "over 3 rounds" in latency
    assert "at least 0.5 s" in latency


def test_what_ends_a_window_is_said_where_no_number_of_rounds_does():
    latency = next(it.words for it in make(rounds=None) if it.name == "latency")
    assert "within ± 2.0 % of the figure" in latency
    assert "0.5 s" in latency


def test_layers_are_defined_where_a_study_profiles_them():
    assert "per_layer" not in {it.name for it in make(has_layers=False)}
    words = {it.name: it.words for it in make(overhead=None)}["per_layer"]
    assert "hooks added" not in words
    assert "the hooks added at most 8.0 %" in {it.name: it.words for it in make()}["per_layer"]
