"""What the report says of the layers beside their times."""

from study_factory import MadeStudy
from study_steps import render_all

LABELS = "batch 1 · 224 px and batch 4 · 224 px"
REASON = "no module of a stage was called: all rows are scaled alike"


def test_why_a_profile_has_no_stages_is_said(study_folder):
    study = MadeStudy()
    (_, first), (_, second), *_ = study.profiles.values()
    first["stages_reason"] = second["stages_reason"] = REASON
    render_all(study, study_folder, draw=False)
    for name in ("study.html", "report.md"):
        text = (study_folder / name).read_text(encoding="utf-8")
        assert text.count(f"Stages were not timed apart at {LABELS}: {REASON}") == 1
    russian = (study_folder / "study.ru.html").read_text(encoding="utf-8")
    assert REASON not in russian
    assert "ни один модуль стадий не вызывался" in russian


def test_a_profile_with_stages_says_nothing_of_it(rendered):
    for name in ("study.html", "report.md"):
        assert "not timed apart" not in (rendered.folder / name).read_text(encoding="utf-8")
