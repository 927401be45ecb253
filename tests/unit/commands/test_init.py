"""`vlmeter init` hands on what it was given and says what it did."""

from pathlib import Path

import pytest

from vlmeter import cli


def test_it_writes_a_config_and_says_what_to_do_next(
    tmp_path: Path,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    data = str(repository / "demo/data/textvqa.parquet")
    model = str(repository / "demo/model")

    cli.main(["init", "mine", "--model", model, "--data", data, "--columns", "id=question_id"])

    assert "id: question_id" in Path("mine/config/config.yaml").read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert f"snakemake --snakefile {repository / 'Snakefile'}" in said


def test_a_column_without_its_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["init", "mine", "--model", "a/b", "--data", "c/d", "--columns", "ask"])
    assert "ask is no KEY=NAME" in capsys.readouterr().err
