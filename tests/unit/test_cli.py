"""The command line: what it explains, what it hands on, and how a user's mistake ends it."""

import re
import unicodedata
from pathlib import Path

import pytest
import yaml

from vlmeter import cli
from vlmeter.results import publish as publishing
from vlmeter.storage.layout import StudyFolder
from vlmeter.study.plan import Plan

COMMANDS = ("init", "plan", "verify", "decide", "methods", "compare", "publish", "reference")


def test_help_explains_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert [name for name in COMMANDS if not re.search(rf"\b{name} \w+ \w+", text)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"vlmeter {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["measure"], ["decide"]])
def test_what_is_no_command_ends_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: vlmeter" in capsys.readouterr().err


@pytest.mark.parametrize("problems", [[], ["data set photos: it is not there."]])
def test_a_plan_that_cannot_be_carried_out_ends_with_1(
    monkeypatch, problems, tmp_path, values, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.setattr("vlmeter.study.plan.make_plan", lambda study: Plan("a line", problems))
    if not problems:
        cli.main(["plan", "my.yaml"])
    else:
        with pytest.raises(SystemExit) as end:
            cli.main(["plan", "my.yaml"])
        assert problems[0] in str(end.value)
    assert capsys.readouterr().out == "a line\n"


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_a_mistake_of_the_user_ends_it_with_a_sentence(command: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, str(tmp_path / "absent.yaml")])
    assert str(ended.value.code).endswith("absent.yaml does not exist: give a config file.")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_is_named_in_either_form_of_unicode(form: str, tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "étude.yaml")).write_text("- 1", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        cli.main(["plan", str(tmp_path / unicodedata.normalize(form, "étude.yaml"))])
    assert "does not exist" not in str(ended.value.code)


@pytest.mark.parametrize("command", ["decide", "plan"])
def test_a_name_that_two_files_have_ends_it_with_a_sentence(command: str, tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "été")).mkdir()
    with pytest.raises(SystemExit) as ended:
        cli.main([command, str(tmp_path / "été")])
    assert 'two names there are "été"' in str(ended.value.code)


def test_publish_takes_the_configs_results_and_what_lies_beside(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handed_on: list[tuple[StudyFolder, Path, list[Path]]] = []

    def keep(study: StudyFolder, target: Path, beside: list[Path]) -> Path:
        handed_on.append((study, target, beside))
        return target / "a-device"

    monkeypatch.setattr(publishing, "publish", keep)
    config = str(repository / "config" / "demo.yaml")
    monkeypatch.chdir(repository)
    cli.main(["publish", config, "docs/measurements", "--beside", "truth.md", "truth.json"])
    beside = [Path("truth.md"), Path("truth.json")]
    assert handed_on == [(StudyFolder(Path("results/demo")), Path("docs/measurements"), beside)]
    assert capsys.readouterr().out.splitlines() == ["docs/measurements/a-device"]
