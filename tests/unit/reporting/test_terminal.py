"""What a terminal says about a finished study."""

from pathlib import Path

import pytest
from study_factory import MadeStudy, make_comparisons
from study_steps import write_study

from vlmeter import cli
from vlmeter.decision.export_study import read_decided
from vlmeter.errors import UserError
from vlmeter.reporting.terminal import describe_decisions, describe_end
from vlmeter.results.exported import read_exported
from vlmeter.results.limits import Limits
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.layout import StudyFolder


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    study = MadeStudy()
    return write_study(study, tmp_path_factory.mktemp("study"), make_comparisons(study.outline))


def test_the_verdict_comes_first_and_each_data_set_has_its_goals(finished):
    text = describe_decisions(finished)
    blocks = text.split("\n\n")
    assert "Deploy " in blocks[0]
    assert "settings measured" in blocks[0]
    assert [block.splitlines()[0] for block in blocks[1:]] == ["TextVQA", "COCO", "ScienceQA"]
    for goal in ("Best quality", "Fastest reply", "Most throughput", "Balance"):
        assert f"\n  {goal} " in blocks[1]
    assert "samples/s in generation" in blocks[1]


def test_other_limits_decide_anew_without_a_run(finished, capsys):
    latencies = [row.latency for row in read_exported(finished).rows.values() if row.latency]
    limit = sorted(latencies)[0] * 1.0001
    cli.main(["decide", str(finished), "--max-latency", str(limit)])
    words = capsys.readouterr().out
    assert words.rstrip() == describe_decisions(finished, Limits(max_latency_s=limit))
    assert words != describe_decisions(finished)
    cli.main(["decide", str(finished), "--min-quality", "2", "--max-memory", "0.001"])
    assert "Nothing keeps the limits. Nearest:" in capsys.readouterr().out


def test_without_options_the_limits_of_the_config_hold(finished, capsys):
    cli.main(["decide", str(finished)])
    assert capsys.readouterr().out.rstrip() == describe_decisions(finished)


@pytest.mark.parametrize("text", ["nan", "inf", "fast"])
def test_a_limit_is_a_finite_number(finished, text, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["decide", str(finished), "--max-latency", text])
    assert ended.value.code == 2
    assert "--max-latency" in capsys.readouterr().err


def test_a_run_ends_with_the_verdict_and_the_page(finished, tmp_path):
    folder = StudyFolder(finished)
    assert describe_end(folder) == f"\n{describe_decisions(finished)}\n\n{folder.page}"
    assert describe_end(StudyFolder(tmp_path)) is None


def test_a_study_of_an_older_version_says_what_to_do(finished, tmp_path):
    content = read_json(finished / "study.json")
    del content["decisions"]
    write_json(tmp_path / "study.json", content)
    with pytest.raises(UserError, match="holds no decisions: it comes from an older version"):
        read_decided(tmp_path)
    # Other commands still read it.
    assert read_exported(tmp_path).rows
