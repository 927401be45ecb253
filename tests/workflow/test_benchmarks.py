"""The benchmarks run, in a short form: their figures are looked at on a quiet machine alone."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, *words], cwd=BENCHMARKS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_what_is_counted_agrees_with_independent_counts():
    heading, *rows = run("compare.py", "cpu", "--only", "flops")
    assert heading.split()[:3] == ["comparison", "ours", "reference"]
    assert [row.split()[-1] for row in rows] == ["ok", "ok"]


def test_a_study_of_a_hundred_made_up_cells_goes_through_every_rule_after_its_records():
    heading, *rows = run("large_studies.py", "100")
    assert heading.split()[:3] == ["jobs", "wall", "s"]
    runs = [row.split(", ")[1].split("  ")[0] for row in rows if row.startswith("100 cells")]
    assert runs == ["Snakemake alone", "dry run", "to the report", "nothing to do"]
    jobs = {row.split()[0]: row.split()[1] for row in rows if row.startswith("  ")}
    assert jobs == dict.fromkeys(
        (
            *("aggregate", "plot_tradeoff", "plot_forest", "plot_section", "collect_answers"),
            *("plot_requests", "export_study", "render_report", "check_study"),
        ),
        "1",
    )
    # The last run has no job: nothing that was made up looks out of date to Snakemake.
    assert rows[-1].split("nothing to do")[1].split()[0] == "0"


def test_snakemake_alone_plans_as_many_jobs_of_cells_as_the_study_has(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from bare_workflow import make_bare_workflow
    from made_up_study import make_tree
    from watched import run_snakemake

    (tmp_path / "study").mkdir()
    bare = tmp_path / "bare"
    make_bare_workflow(make_tree(tmp_path / "study", 100), bare)

    run_snakemake(bare, "--dry-run", "--cores", "2")

    lines = (line.split() for line in (bare / "snakemake.out").read_text().splitlines())
    jobs = {words[0]: words[1] for words in lines if len(words) == 2}
    assert jobs["measure"] == jobs["score"] == "100"
    params = [
        cell["measured_for"] for cell in json.loads((bare / "cells.json").read_text()).values()
    ]
    assert len(set(map(json.dumps, params))) == 100
