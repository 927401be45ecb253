"""A study runs from any folder, and says in a sentence where it cannot."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from studytree import (
    CELLS,
    CONFIG,
    LAYERS,
    MACHINE,
    REPOSITORY,
    RESULTS,
    Outcome,
    Tree,
    inference,
    scores,
)

EVERYTHING = (
    inference(CELLS)
    | scores(CELLS)
    | MACHINE
    | {LAYERS, ("measure_control",), ("render_report",), ("check_study",)}
)


@pytest.fixture
def away(tree: Tree, tmp_path: Path) -> Iterator[Tree]:
    """A folder of one's own, with a config whose sources are given by absolute paths."""
    folder = tmp_path / "my folder é"
    folder.mkdir()
    away = Tree(folder)
    shutil.copytree(tree.path("demo"), folder / "demo")
    shutil.copy(tree.path(CONFIG), folder / CONFIG)
    yield away
    shutil.rmtree(folder)


def snakemake(away: Tree, checkout: Path, *arguments: str) -> Outcome:
    """Run the checkout's workflow; `away` is the working directory."""
    environment = {**away.environment(), "PYTHONPATH": ""}
    search = [str(checkout / "src"), *away.environment()["PYTHONPATH"].split(os.pathsep)]
    environment["PYTHONPATH"] = os.pathsep.join(
        path for path in search if path != str(away.folder / "src")
    )
    events = Path(environment["JOB_EVENTS"])
    events.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--nocolor", "--logger", "jobs"],
        cwd=away.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = events.read_text(encoding="utf-8").splitlines() if events.exists() else []
    return Outcome(done.returncode, done.stdout, tuple(yaml.safe_load(line) for line in lines))


def copy_results(tree: Tree, away: Tree) -> None:
    shutil.copytree(tree.path(RESULTS), away.path(RESULTS))
    shutil.copytree(tree.path(".snakemake"), away.path(".snakemake"))


def test_a_study_in_a_folder_of_its_own_is_planned_as_in_the_checkout(
    tree: Tree, away: Tree
) -> None:
    snakefile = ("--snakefile", str(tree.path("Snakefile")))

    outcome = snakemake(away, tree.folder, *snakefile, "--dry-run", "--configfile", CONFIG)

    assert outcome.code == 0, outcome.text
    assert outcome.names >= EVERYTHING


def test_results_go_on_in_another_folder_and_the_report_is_written_there(
    tree: Tree, away: Tree
) -> None:
    copy_results(tree, away)
    away.result("report.md").unlink()
    snakefile = ("--snakefile", str(tree.path("Snakefile")))

    outcome = snakemake(away, tree.folder, *snakefile, "--cores", "2", "--configfile", CONFIG)

    assert outcome.code == 0, outcome.text
    assert not outcome.names & (inference(CELLS) | MACHINE | {LAYERS, ("measure_control",)})
    assert ("render_report",) in outcome.names
    assert away.result("report.md").read_text() == tree.result("report.md").read_text()


def test_a_directory_is_where_results_go(tree: Tree, away: Tree, tmp_path: Path) -> None:
    elsewhere = Tree(tmp_path / "elsewhere")
    elsewhere.folder.mkdir()
    arguments = (
        "--directory",
        str(away.folder),
        "--dry-run",
        "--configfile",
        str(away.path(CONFIG)),
    )
    snakefile = ("--snakefile", str(tree.path("Snakefile")))

    outcome = snakemake(elsewhere, tree.folder, *snakefile, *arguments)

    assert outcome.code == 0, outcome.text
    assert outcome.names >= EVERYTHING


def test_another_workflow_takes_it_as_a_module(tree: Tree, away: Tree) -> None:
    copy_results(tree, away)
    away.path("Snakefile").write_text(
        'configfile: "study.yaml"\n\n'
        "module vlmeter:\n"
        f'    snakefile: "{tree.path("Snakefile")}"\n'
        "    config: config\n\n"
        "use rule * from vlmeter\n\n"
        "rule summarise:\n"
        f'    input: "{RESULTS}/summary.csv"\n'
        '    output: "mine.txt"\n'
        '    shell: "wc -l < {input} > {output}"\n'
    )

    outcome = snakemake(away, tree.folder, "--cores", "2", "mine.txt")

    assert outcome.code == 0, outcome.text
    assert away.path("mine.txt").read_text().strip() == str(len(CELLS) + 1)
    assert not outcome.names & inference(CELLS)


def test_a_checkout_that_nobody_may_write_serves_a_folder_of_one_s_own(
    tree: Tree, away: Tree, may_mount: None
) -> None:
    copy_results(tree, away)
    away.result("report.md").unlink()
    checkout = tree.folder
    script = (
        f"mount --bind {checkout} {checkout} && mount -o remount,ro,bind {checkout} && "
        f"! touch {checkout}/x 2>/dev/null && cd '{away.folder}' && "
        f"{sys.executable} -m snakemake --snakefile {checkout}/Snakefile --cores 2 "
        f"--configfile {CONFIG}"
    )
    environment = {**away.environment(), "PYTHONPATH": str(checkout / "src")}

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert away.result("report.md").exists()


@pytest.fixture
def may_mount() -> None:
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no process mount")


def test_a_run_holds_its_study_and_a_killed_one_gives_it_up(tree: Tree) -> None:
    tree.result("report.md").unlink()
    code = (
        "import sys, time; from pathlib import Path\n"
        "from vlmeter.storage.layout import StudyFolder\n"
        "from vlmeter.study.running import hold_study\n"
        f"hold_study(StudyFolder(Path({str(tree.path(RESULTS))!r})))\n"
        "print('held', flush=True); time.sleep(600)"
    )
    environment = tree.environment()
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        refused = tree.run()
        planned = tree.plan()
        other.kill()

    assert refused.code != 0
    assert f"{RESULTS} is in use by another run (process {other.pid} of " in refused.text
    assert "Traceback" not in refused.text
    assert ("render_report",) in planned.names
    assert tree.run().code == 0
    assert tree.result("report.md").exists()


@pytest.mark.parametrize("folder", ["with space", "moved"])
def test_make_says_what_a_place_cannot_do_and_installs_anew_where_it_was_moved(
    tmp_path: Path, folder: str
) -> None:
    checkout = tmp_path / folder
    checkout.mkdir()
    for name in ("Makefile", "pyproject.toml", "envs"):
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, checkout / name)
    stamp = checkout / ".venv/.installed"
    stamp.parent.mkdir()
    stamp.write_text("/another/place\n")

    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", *arguments, "setup"]
        return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)

    if " " in folder:
        refused = make()
        assert refused.returncode != 0
        assert "put VLMeter into a folder without one" in refused.stdout
        return
    assert "-m venv --clear .venv" in make("--dry-run").stdout
    stamp.write_text(f"{checkout}\n")
    assert "Nothing to be done" in make("--dry-run").stdout


def test_jobs_that_an_interpreter_in_such_a_place_would_run_are_refused(
    tree: Tree, tmp_path: Path
) -> None:
    link = tmp_path / "with space" / "python"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    environment = {**tree.environment(), "PYTHONHOME": sys.base_prefix}
    packages = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], packages])

    done = subprocess.run(
        [link, "-m", "snakemake", "--dry-run", "--configfile", CONFIG],
        cwd=tree.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "whose path has a space: put the environment with VLMeter into a folder" in done.stdout
