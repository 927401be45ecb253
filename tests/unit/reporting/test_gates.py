"""What the report says about gates."""

from pathlib import Path

from gate_factory import (
    BASE,
    CUDA,
    SIXTEEN,
    judge,
    judge_limits,
    multiplied,
    plan_gate,
    study,
)
from study_factory import MadeStudy
from study_steps import render_all, write_study

from vlmeter.reporting.gates import describe_gates
from vlmeter.reporting.language import use_language
from vlmeter.results.gates import Cause

__all__ = ["multiplied", "study"]


def test_the_report_begins_with_the_gates_in_every_language(tmp_path: Path) -> None:
    made = MadeStudy()
    made.records[CUDA]["reason"] = "<b>no</b> | device"
    study = write_study(made, tmp_path / "study")
    judge_limits(
        study,
        plan_gate("latency", BASE, SIXTEEN, max=0.05),
        plan_gate("latency", BASE, baseline=study / "summary.csv", max_increase_percent=5),
        plan_gate("wer_value", CUDA, max=1),
    )
    files = render_all(made, tmp_path / "again", draw=False, gates=study.parent / "gates.json")
    text, russian, html = (
        (files.folder / name).read_text() for name in ("report.md", "report.ru.md", "study.html")
    )
    head = text.split("### 1)")[0]
    assert "**Warning**: Gates: 2 of 4 limits are broken, so the run fails." in head
    cell = SIXTEEN[1]
    assert f"**Warning**: latency at most 50.0 ms: textvqa, {cell}: 250 ms" in head
    assert "&lt;b&gt;no&lt;/b&gt; \\| device" in head
    assert "Пороги: нарушены 2 из 4" in russian
    assert f"latency не больше 50,0 мс: textvqa, {cell}: 250 мс" in russian
    assert "Gates: 2 of 4 limits are broken" in html
    assert "<b>no</b>" not in html + text


def test_of_many_broken_limits_the_report_names_a_few(study) -> None:
    judgement = judge(study, *[plan_gate("latency", BASE, max=1e-9)] * 8)
    texts = [remark.text for remark in describe_gates(judgement)]
    assert texts[0] == "Gates: 8 of 8 limits are broken, so the run fails."
    assert texts[-1] == "3 more broken limits stand in gates.json."
    assert len(texts) == 7
    (kept,) = describe_gates(judge(study, plan_gate("latency", BASE, SIXTEEN, max=9)))
    assert (kept.text, kept.warning) == ("Gates: all 2 limits are kept.", False)


def test_a_relative_limit_is_reported_with_its_baseline_and_interval(study, multiplied) -> None:
    baseline = multiplied(0.8)
    limit = plan_gate("latency", SIXTEEN, baseline=baseline, max_increase_percent=10)
    text = describe_gates(judge(study, limit))[1].text
    assert f"latency at most 10 % above {baseline}: textvqa, {SIXTEEN[1]}: 250 ms, +25 % [" in text


def test_the_russian_page_says_the_gates_in_russian(study, multiplied, tmp_path: Path) -> None:
    slower = multiplied(0.8)
    made = MadeStudy()
    del made.records[BASE]
    lacking = write_study(made, tmp_path / "lacking") / "summary.csv"
    judgement = judge(
        study,
        plan_gate("latency", SIXTEEN, baseline=slower, max_increase_percent=10),
        plan_gate("latency", BASE, baseline=lacking, max_increase_percent=10),
        plan_gate("latency", CUDA, max=1),
        plan_gate("latency", BASE, min=9),
    )
    assert [verdict.obstacle and verdict.obstacle.cause for verdict in judgement.limits] == [
        None,
        Cause.BASELINE_LACKS_CELL,
        Cause.NOT_MEASURED,
        None,
    ]
    with use_language("ru"):
        remarks = [remark.text for remark in describe_gates(judgement)]
    assert remarks[0] == "Пороги: нарушены 4 из 4, поэтому запуск завершается с ошибкой."
    assert f"latency не более чем на 10 % выше, чем в {slower}: textvqa" in remarks[1]
    assert ": 250 мс, +25 % [" in remarks[1]
    assert remarks[2].endswith("в исследовании для сравнения нет такой настройки")
    assert remarks[3].endswith("не измерено: недоступно: на этой машине нет устройства cuda")
    assert remarks[4].startswith("latency не меньше 9,00 с: textvqa")


def test_why_a_baseline_cannot_be_read_is_said_in_russian(study, tmp_path: Path) -> None:
    (tmp_path / "kept.csv").write_text("cell\n1\n")
    limit = plan_gate("latency", BASE, baseline=tmp_path / "kept.csv", max_increase_percent=10)
    judgement = judge(study, limit)
    assert judgement.limits[0].obstacle.cause is Cause.BASELINE_UNREADABLE
    with use_language("ru"):
        text = describe_gates(judgement)[1].text
    assert f"{tmp_path}/kept.csv: нет столбца " in text
    assert text.endswith("; запустите агрегацию снова.")


def test_random_weights_are_said_once_in_every_language(tmp_path: Path) -> None:
    made = MadeStudy()
    made.take_weights_away()
    folder = write_study(made, tmp_path / "study")
    judgement = judge(folder, plan_gate("vqa_accuracy", BASE, min=0))
    assert describe_gates(judgement)[1].text.endswith(": not measured: random weights")
    with use_language("ru"):
        assert describe_gates(judgement)[1].text.endswith(": не измерено: случайные веса")
