"""A study runs from any folder, and says in a sentence where it cannot."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import may_mount
from small_study import (
    CELLS,
    CONFIG,
    LAYERS,
    MACHINE,
    RESULTS,
    inference,
    scores,
)
from studytree import REPOSITORY, Tree

EVERYTHING = (
    inference(CELLS)
    | scores(CELLS)
    | MACHINE
    | {LAYERS, ("measure_control",), ("render_report",), ("check_study",)}
)


@pytest.fixture
def away(tree: Tree, tmp_path: Path) -> Iterator[Tree]:
    """A folder of one's own, with a config and its sources."""
    folder = tmp_path / "my folder é"
    folder.mkdir()
    away = Tree(folder, checkout=tree.folder)
    shutil.copytree(tree.path("demo"), folder / "demo")
    shutil.copy(tree.path(CONFIG), folder / CONFIG)
    yield away
    shutil.rmtree(folder)


def copy_results(tree: Tree, away: Tree) -> None:
    shutil.copytree(tree.path(RESULTS), away.path(RESULTS))
    shutil.copytree(tree.path(".snakemake"), away.path(".snakemake"))


def test_a_study_in_a_folder_of_its_own_is_planned_as_in_the_checkout(
    tree: Tree, away: Tree
) -> None:
    snakefile = ("--snakefile", str(tree.path("Snakefile")))

    outcome = away.snakemake(*snakefile, "--dry-run")

    assert outcome.code == 0, outcome.text
    assert outcome.names >= EVERYTHING


def test_results_go_on_in_another_folder_and_the_report_is_written_there(
    tree: Tree, away: Tree
) -> None:
    copy_results(tree, away)
    away.result("report.md").unlink()
    snakefile = ("--snakefile", str(tree.path("Snakefile")))

    outcome = away.run(*snakefile)

    assert outcome.code == 0, outcome.text
    assert not outcome.names & (inference(CELLS) | MACHINE | {LAYERS, ("measure_control",)})
    assert ("render_report",) in outcome.names
    assert away.result("report.md").read_text() == tree.result("report.md").read_text()


def test_a_directory_is_where_results_go(tree: Tree, away: Tree, tmp_path: Path) -> None:
    elsewhere = Tree(tmp_path / "elsewhere", checkout=tree.folder)
    elsewhere.folder.mkdir()
    places = ("--snakefile", str(tree.path("Snakefile")), "--directory", str(away.folder))

    outcome = elsewhere.snakemake(*places, "--dry-run", configfile=str(away.path(CONFIG)))

    assert outcome.code == 0, outcome.text
    assert outcome.names >= EVERYTHING


def test_another_workflow_takes_it_as_a_module(tree: Tree, away: Tree) -> None:
    copy_results(tree, away)
    away.result("config.yaml").unlink()
    away.path("Snakefile").write_text(
        'configfile: "study.yaml"\n\n'
        "module vlmeter:\n"
        f'    snakefile: "{tree.path("Snakefile")}"\n'
        "    config: config\n\n"
        "use rule * from vlmeter\n\n"
        "onstart:\n    vlmeter.onstart()\n\n"
        "onsuccess:\n    vlmeter.onsuccess()\n\n"
        "rule summarise:\n"
        f'    input: "{RESULTS}/summary.csv"\n'
        '    output: "mine.txt"\n'
        '    shell: "wc -l < {input} > {output}"\n'
    )

    outcome = away.run("mine.txt", configfile=None)

    assert outcome.code == 0, outcome.text
    assert away.path("mine.txt").read_text().strip() == str(len(CELLS) + 1)
    assert away.result("config.yaml").read_text() == away.path(CONFIG).read_text()
    assert not outcome.names & inference(CELLS)


def test_a_copy_that_snakedeploy_makes_has_config_profile_and_module(
    tree: Tree, away: Tree, tmp_path: Path
) -> None:
    shutil.copy(tree.path(CONFIG), tree.path("config/config.yaml"))
    shutil.copy(REPOSITORY / "LICENSE", tree.path("LICENSE"))
    identity = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    for command in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "LICENSE", "Snakefile", "config", "profiles", "report", "workflow"),
        (*identity, "commit", "--quiet", "--message", "A workflow"),
    ):
        done = tree.execute("git", *command)
        assert done.returncode == 0, done.stderr
    deployed = Tree(tmp_path / "deployed", checkout=tree.folder)
    code = "from snakedeploy.client import main; main()"
    arguments = ("deploy-workflow", tree.folder, deployed.folder, "--branch", "main")
    done = tree.execute(sys.executable, "-c", code, *map(str, arguments))
    assert done.returncode == 0, done.stderr
    # For a repository on disk it leaves out where that is.
    deployed.edit("workflow/Snakefile", '"workflow/', f'"{tree.path("workflow")}/')
    shutil.copytree(away.path("demo"), deployed.path("demo"))
    copy_results(tree, deployed)
    deployed.result("report.md").unlink()

    outcome = deployed.snakemake("--dry-run", configfile=None)

    assert outcome.code == 0, outcome.text
    assert "profiles/default for setting default" in outcome.text
    assert ("render_report",) in outcome.names
    assert not outcome.names & (inference(CELLS) | MACHINE)


def test_a_new_study_runs_from_its_folder_without_a_word_on_its_config(
    tree: Tree, tmp_path: Path
) -> None:
    sources = ("--model", tree.path("demo/model"), "--data", tree.path("demo/data/coco.parquet"))
    command = (sys.executable, "-c", "from vlmeter.cli import main; main()", "init")

    written = tree.execute(*command, tmp_path / "my-study", *map(str, sources))

    assert written.returncode == 0, written.stderr
    new = Tree(tmp_path / "my-study", checkout=tree.folder)
    places = ("--snakefile", str(tree.path("Snakefile")), "--directory", str(new.folder))
    outcome = Tree(tmp_path, checkout=tree.folder).snakemake(*places, "--dry-run", configfile=None)
    assert outcome.code == 0, outcome.text
    assert outcome.count("run_inference") == 3


def test_the_smallest_study_and_the_rule_graph_need_nothing_but_a_clone(
    fresh: Tree, tmp_path: Path
) -> None:
    shutil.copytree(REPOSITORY / ".test", fresh.path(".test"))

    smallest = fresh.snakemake("--dry-run", "--directory", ".test", configfile=None)
    graph = fresh.execute(sys.executable, "-m", "snakemake", "--rulegraph", "dot")

    assert smallest.code == 0, smallest.text
    assert smallest.count("run_inference") == 2
    assert graph.returncode == 0, graph.stderr
    assert 'label = "run_inference"' in graph.stdout


def test_an_installed_package_brings_the_workflow_with_it(
    tree: Tree, away: Tree, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree.path(name))
    target = tmp_path / "installed" / "src"
    install = ("--quiet", "--no-deps", "--no-build-isolation", "--target", target, tree.folder)
    done = tree.execute(sys.executable, "-m", "pip", "install", *install)
    assert done.returncode == 0, done.stderr
    copy_results(tree, away)
    shutil.rmtree(tree.path("src"))
    shutil.rmtree(tree.path("report"))
    away.result("report.md").unlink()
    user = Tree(away.folder, checkout=target.parent)
    snakefile = ("--snakefile", str(target / "vlmeter/checkout/Snakefile"))

    outcome = user.run(*snakefile)
    main = ("-c", "from vlmeter.cli import main; main()")
    shutil.copytree(user.result(""), user.path("earlier"))
    compared = user.execute(sys.executable, *main, "compare", "earlier", RESULTS, "--into", "both")
    planned = user.execute(sys.executable, *main, "plan", CONFIG)
    refused = user.execute(sys.executable, *main, "reference")

    assert outcome.code == 0, outcome.text
    assert not outcome.names & (inference(CELLS) | MACHINE | {LAYERS})
    assert user.result("report.md").read_text() == tree.result("report.md").read_text()
    assert compared.returncode == 0, compared.stderr
    assert planned.returncode == 0, planned.stderr
    assert "The docs lie in a checkout" in refused.stderr


def test_a_checkout_that_nobody_may_write_serves_a_folder_of_one_s_own(
    tree: Tree, away: Tree
) -> None:
    if not may_mount():
        pytest.skip("needs the right to mount")
    copy_results(tree, away)
    away.result("report.md").unlink()
    checkout = tree.folder
    script = (
        f"mount --bind {checkout} {checkout} && mount -o remount,ro,bind {checkout} && "
        f"! touch {checkout}/x 2>/dev/null && cd '{away.folder}' && "
        f"{sys.executable} -m snakemake --snakefile {checkout}/Snakefile --cores 2 "
        f"--configfile {CONFIG}"
    )

    done = away.execute("unshare", "--mount", "sh", "-c", script)

    assert done.returncode == 0, done.stdout + done.stderr
    assert away.result("report.md").exists()


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
    search = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    homes = (f"PYTHONHOME={sys.base_prefix}", f"PYTHONPATH={tree.path('src')}{os.pathsep}{search}")
    command = (link, "-m", "snakemake", "--dry-run", "--configfile", CONFIG)

    done = tree.execute("env", *homes, *command)

    assert done.returncode != 0
    words = "whose path has a space: put the environment with VLMeter into a folder"
    assert words in done.stdout + done.stderr
