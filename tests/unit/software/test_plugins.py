"""Another package's tables stand beside ours, and its code in the digests of what reaches them."""

import shutil
import sys
from pathlib import Path

import pytest

from vlmeter.errors import UserError
from vlmeter.metrics import registry
from vlmeter.metrics.base import Metric
from vlmeter.software.plugins import digest_plugins, load_tables
from vlmeter.study import script_digests

EXAMPLE = Path(__file__).parents[2] / "support/brevity"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example package, to be changed."""
    folder = tmp_path / "brevity"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(folder))
    script_digests._get_plugins.cache_clear()
    yield folder
    script_digests._get_plugins.cache_clear()
    for name in [name for name in sys.modules if name.startswith("vlmeter_brevity")]:
        del sys.modules[name]


def load_metrics() -> list:
    return load_tables("vlmeter.metrics", registry._is_metrics, "metrics by task")


def test_a_metric_of_another_package_stands_after_ours(package: Path) -> None:
    metrics = registry._add(load_metrics())
    ours = registry._OWN["vqa"]
    assert metrics["vqa"][: len(ours)] == ours
    assert [metric.name for metric in metrics["vqa"][len(ours) :]] == ["brevity"]
    assert metrics["ocr"] == registry._OWN["ocr"]


def test_a_process_that_starts_with_it_has_all_that_it_adds(run_python) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(EXAMPLE)!r})\n"
        "from types import SimpleNamespace\n"
        "from vlmeter.data.local_files import TABLE_SUFFIXES\n"
        "from vlmeter.metrics.registry import TASK_METRICS\n"
        "from vlmeter.models.families import find_family\n"
        "family = find_family(SimpleNamespace(model_type='lantern'))\n"
        "print(TASK_METRICS['vqa'][-1].name, family.stage_of('lens'), TABLE_SUFFIXES[-1])\n"
    )
    done = run_python(code)
    assert done.stdout == "brevity connector .spool\n", done.stderr


def test_its_code_is_in_the_digest_of_the_jobs_that_reach_the_table(package: Path) -> None:
    scripts = ("score_predictions", "run_inference", "download_dataset", "describe_machine")
    before = {script: script_digests.get_script_digest(script) for script in scripts}

    (package / "vlmeter_brevity/tables.py").write_text("METRICS = {}\n", encoding="utf-8")
    script_digests._get_plugins.cache_clear()
    after = {script: script_digests.get_script_digest(script) for script in scripts}

    assert "vlmeter.metrics=" in before["score_predictions"]
    assert after["score_predictions"] != before["score_predictions"]
    # The package counts as a whole: what stands beside the table counts.
    assert "vlmeter.metrics=" not in before["run_inference"]
    assert after["run_inference"] != before["run_inference"]
    assert "vlmeter.data_sources=" in before["download_dataset"]
    assert after["download_dataset"] != before["download_dataset"]
    assert "vlmeter.data_sources=" not in before["run_inference"] + before["score_predictions"]
    assert after["describe_machine"] == before["describe_machine"]


def test_without_packages_of_others_digests_are_those_of_the_scripts(monkeypatch) -> None:
    monkeypatch.setattr(script_digests, "_get_plugins", dict)
    digests = script_digests._get_digests()
    assert script_digests.get_script_digest("run_inference") == digests["run_inference"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this\n", "cannot be imported (No module named 'nothing_like_this')"),
        ("METRICS = ['brevity']\n", "is no table of metrics by task: mend that package"),
        ("METRICS = {'vqa': ['brevity']}\n", "is no table of metrics by task: mend that package"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(package: Path, text: str, words: str) -> None:
    (package / "vlmeter_brevity/tables.py").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_metrics()
    assert "brevity = vlmeter_brevity.tables:METRICS of vlmeter-brevity" in str(refused.value)
    assert words in str(refused.value)


def test_a_package_without_its_files_is_named(package: Path) -> None:
    shutil.rmtree(package / "vlmeter_brevity")
    with pytest.raises(UserError, match="there is no package vlmeter_brevity: install it again"):
        digest_plugins()


@pytest.mark.parametrize(
    ("task", "name", "words"),
    [
        ("chess", "brevity", "to the task chess, which there is not: use one of caption"),
        ("vqa", "vqa_accuracy", "vqa_accuracy to vqa, which has one of that name"),
    ],
)
def test_a_task_that_is_not_there_and_a_name_that_is_taken_are_refused(
    task: str, name: str, words: str
) -> None:
    metric = Metric(name=name, definition="", problem=lambda _: None, scores=lambda _: [])
    with pytest.raises(UserError) as refused:
        registry._add([{task: [metric]}])
    assert words in str(refused.value)
