"""The benchmarks run, in a short form: their figures are looked at on a quiet machine alone."""

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
    assert runs == ["dry run", "to the report", "nothing to do"]
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
