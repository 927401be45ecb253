"""Files that say the same thing in two places say the same thing."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = [
    f"requirements{part}.lock" for part in ("", "-slurm", "-hosts", "-video", "-quantized", "-dev")
]
"""Each is installed on top of those before it."""


def pins(text):
    return dict(line.split("==") for line in text.splitlines() if line.strip())


@pytest.fixture(scope="module")
def lock(repository):
    return pins((repository / "envs/requirements.lock").read_text())


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_holds_versions_only(repository, file):
    lines = (repository / "envs" / file).read_text().splitlines()
    wrong = [
        line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line)
    ]
    assert wrong == []


def test_the_conda_environment_is_the_lock(repository, lock):
    dependencies = yaml.safe_load((repository / "envs/vlmeter.yaml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert pins("\n".join(pip)) == lock


@pytest.mark.parametrize(
    ("lock_file", "section"),
    [
        ("requirements.lock", "main"),
        ("requirements-slurm.lock", "slurm"),
        ("requirements-hosts.lock", "hosts"),
        ("requirements-video.lock", "video"),
        ("requirements-quantized.lock", "quantized"),
        ("requirements-dev.lock", "dev"),
        ("requirements-axe.lock", "axe"),
    ],
)
def test_the_lock_has_the_projects_pins(repository, project, lock_file, section):
    wanted = {"main": project["dependencies"], **project["optional-dependencies"]}[section]
    locked = {
        canonicalize_name(name): version
        for name, version in pins((repository / "envs" / lock_file).read_text()).items()
    }
    named = [
        re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[.*\])?==(.+)", entry).groups() for entry in wanted
    ]
    assert {canonicalize_name(name): locked.get(canonicalize_name(name)) for name, _ in named} == {
        canonicalize_name(name): version for name, version in named
    }


def test_nothing_is_locked_twice(repository):
    named = [
        canonicalize_name(name)
        for file in LOCKS
        for name in pins((repository / "envs" / file).read_text())
    ]
    assert sorted(set(named)) == sorted(named)


OF_A_BUILD = ("nvidia-", "cuda-", "triton")
"""What torch's CUDA builds bring beyond the locks, which serve every build."""


def needs_of(name, extras):
    """Return what an installed distribution needs on this machine: names with their extras."""
    needs = set()
    # What single tests lend themselves lies aside.
    aside = [str(Path(sys.prefix, folder)) for folder in ("video", "quantized")]
    places = [*sys.path, *aside]
    distribution = next(iter(metadata.distributions(name=name, path=places)))
    for needed in map(Requirement, distribution.requires or []):
        applies = not needed.marker or any(
            needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if applies and not needed.name.startswith(OF_A_BUILD):
            needs.add((canonicalize_name(needed.name), tuple(sorted(needed.extras))))
    return needs


@pytest.mark.parametrize("file", LOCKS)
def test_what_a_locked_package_needs_is_locked_with_it_or_before_it(repository, file):
    locked = [
        [canonicalize_name(name) for name in pins((repository / "envs" / lock_file).read_text())]
        for lock_file in LOCKS[: LOCKS.index(file) + 1]
    ]
    at_hand = set().union(*locked)
    waiting = {(name, ()) for name in locked[-1]}
    seen, missing = set(), []
    while waiting - seen:
        name, extras = (waiting - seen).pop()
        seen.add((name, extras))
        needs = needs_of(name, extras)
        missing += [f"{name} needs {needed}" for needed, _ in needs if needed not in at_hand]
        waiting |= {need for need in needs if need[0] in at_hand}
    assert missing == []


def rules(repository):
    """Return the script of every rule that has one."""
    scripts, rule = {}, None
    for file in sorted(repository.glob("workflow/rules/*.smk")):
        for line in file.read_text().splitlines():
            if match := re.match(r"rule (\w+):", line):
                rule = match[1]
            if match := re.match(r'\s+"\.\./scripts/(\w+)\.py"', line):
                scripts[rule] = match[1]
    return scripts


def test_a_rule_and_its_script_have_one_name(repository):
    scripts = {file.stem for file in repository.glob("workflow/scripts/*.py")}
    scripts_by_rule = rules(repository)
    assert set(scripts_by_rule.values()) == scripts
    # The base cell is measured again by the very script that measures cells, and costs alone too.
    assert {rule: script for rule, script in scripts_by_rule.items() if rule != script} == {
        "measure_control": "run_inference",
        "measure_costs": "run_inference",
    }


def read_priorities(repository):
    """Return the rules by their priority, 0 where they have none."""
    texts = [file.read_text("utf-8") for file in sorted(repository.glob("workflow/rules/*.smk"))]
    first, second = re.search(
        r"^PREPARING, MEASURING = (\d+), (\d+)$", "".join(texts), re.M
    ).groups()
    values = {"PREPARING": int(first), "MEASURING": int(second)}
    by_priority = {}
    for text in texts:
        for rule in re.split(r"^rule ", text, flags=re.M)[1:]:
            stated = re.search(r"^    priority: (\w+)$", rule, re.M)
            priority = values[stated[1]] if stated else 0
            by_priority.setdefault(priority, set()).add(rule.partition(":")[0])
    return by_priority


def test_data_comes_before_cells_and_what_reads_them_after(repository):
    by_priority = read_priorities(repository)
    after, measured, before = (by_priority[priority] for priority in sorted(by_priority))
    assert before == {"download_dataset", "fetch_model", "preprocess_images"}
    # The machine is described alone: it would let data wait.
    assert measured == {
        *("describe_machine", "run_inference", "measure_control", "profile_layers"),
        *("measure_costs", "answer_shard"),
    }
    assert after >= {"score_predictions", "gather_shards", "aggregate", "render_report"}


def test_short_jobs_go_to_the_queue_together(repository):
    profile = yaml.safe_load((repository / "profiles/slurm/profile.yaml").read_text("utf-8"))
    preparing = dict.fromkeys(["download_dataset", "preprocess_images"], "prepare")
    scoring = dict.fromkeys(["gather_shards", "score_predictions"], "score")
    assert profile["groups"] == preparing | scoring
    # Of those of a data set all, and of scores so many.
    assert profile["group-components"] == {"score": 100}


def test_the_job_of_a_script_is_the_module_of_its_name(repository):
    """`find src -name run_inference.py` finds the job of `run_inference`."""
    for script in sorted(repository.glob("workflow/scripts/*.py")):
        (module,) = (repository / "src").rglob(script.name)
        name = ".".join(module.relative_to(repository / "src").with_suffix("").parts)
        assert script.stem in functions_in(module)
        assert re.search(rf"^from {name} import .*\b{script.stem}\b", script.read_text(), re.M)


def functions_in(file):
    return {
        node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)
    }


def test_every_script_is_thin(repository):
    for file in repository.glob("workflow/scripts/*.py"):
        text = file.read_text()
        assert len(text.splitlines()) <= 40, file
        assert text.startswith('"""'), file
        assert "from __future__" not in text, file
        assert re.findall(r"^(?:def|class|for|while|if) .*", text, re.MULTILINE) == [
            "if TYPE_CHECKING:"
        ], file


def test_the_version_stands_once(repository, project):
    changes = (repository / "CHANGELOG.md").read_text()
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert f"## {project['version']}" in changes.replace("[", "").replace("]", "")
    assert str(citation["version"]) == project["version"]


def test_modules_are_of_a_size_to_read(repository):
    long = {
        file.name: lines
        for file in (repository / "src").rglob("*.py")
        if (lines := len(file.read_text().splitlines())) > 350
    }
    assert long == {}


OF_NO_MODULE = {
    "cell/test_left_out_in_shards.py": "a sample that a whole cell in shards leaves out",
    "compare/test_browser.py": "pages in a browser",
    "config/test_words_of_yaml.py": "what YAML makes of words in a config",
    "data/test_forms_of_names.py": "names in any form of Unicode, from a config to a sample",
    "decision/test_script.py": "the rules of a decision in the page's script",
    "machine/test_waiting_for_locks.py": "what a job that waits for a lock says",
    "measure/test_measuring_time.py": "the time of a cell's windows together",
    "metrics/test_published.py": "every metric beside a published implementation",
    "reporting/test_browser.py": "pages in a browser",
    "reporting/test_sample.py": "docs/sample",
    "results/test_scored_files.py": "files that are scored, damaged or of another",
    "results/test_counted_samples.py": "which samples count, from the scores to the page",
    "test_checksums.py": "every file that has a checksum",
    "test_docs.py": "docs",
    "test_extending.py": "docs/extending.md",
    "test_site.py": "docs/make_site.py and docs/questions.md",
    "test_gpu_check.py": "benchmarks/gpu",
    "test_hostile_input.py": "everything that others write",
    "test_import_closures.py": "imports of all modules",
    "test_lock_takers.py": "workflow/scripts and the locks of their jobs",
    "test_promises.py": "README and docs, and the tests that hold what they promise",
    "test_repository.py": "the repository",
    "test_supported.py": "docs/supported.md",
    "test_what_holds.py": "what held on real inputs",
}
"""Files of tests that are of something else than one module or package, and of what."""


def test_a_file_of_tests_stands_where_its_module_stands(repository):
    package, tests = repository / "src/vlmeter", repository / "tests/unit"
    lost = []
    for file in tests.rglob("test_*.py"):
        name = file.relative_to(tests)
        # What holds for all inputs may stand apart from the cases.
        module = package / name.with_name(
            name.name.removeprefix("test_").replace("_laws.py", ".py")
        )
        if not module.exists() and not module.with_suffix("").is_dir():
            lost.append(str(name))
    assert sorted(lost) == sorted(OF_NO_MODULE)


def test_few_modules_stand_beside_the_packages(repository):
    modules = [file for file in (repository / "src/vlmeter").glob("*.py")]
    assert len(modules) <= 10


def test_a_package_holds_no_code_of_its_own(repository):
    """Every module below a package has its `__init__` in its digest."""
    # The first sets what libraries read when they are imported, the other is the table of families.
    with_code = {"vlmeter", "vlmeter/models/families"}
    packages_with_code = {
        str(file.parent.relative_to(repository / "src"))
        for file in (repository / "src").rglob("__init__.py")
        if len(ast.parse(file.read_text()).body) > 1
    }
    assert packages_with_code == with_code


def test_a_process_of_a_test_runs_the_package_that_the_test_runs(repository):
    """A search path that leaves out the test's own runs the installed package in its place."""
    own = {"tests/support/python_path.py", "tests/unit/test_repository.py"}
    # Those put a copy of the package, or the tree of a study, in the place of the test's own.
    copies = {"tests/support/studytree.py", "tests/workflow/plugins/fork_server.py"}
    copies |= {"tests/unit/test_axes.py", "tests/workflow/test_places.py"}
    copies |= {"tests/workflow/test_fork_server.py"}
    naming = {
        str(file.relative_to(repository))
        for file in (repository / "tests").rglob("*.py")
        if "PYTHONPATH" in file.read_text(encoding="utf-8")
    }
    assert naming - own == copies | {"tests/mutants/copies.py"}


def test_the_service_runs_the_commands_of_the_repository(repository):
    """What visitors see pass is what anyone can run: targets of make, and `.ci/run`."""
    targets = set(re.findall(r"^([\w-]+):(?!=)", (repository / "Makefile").read_text(), re.M))
    runs = []
    for file in sorted((repository / ".github/workflows").glob("*.yml")):
        jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
        runs += [step["run"].strip() for job in jobs for step in job["steps"] if "run" in step]
    assert {"make lint", "make docs", "make demo"} <= set(runs)
    named = [re.search(r"(?:make|\.ci/run) ([\w-]+)", run) for run in runs]
    assert {match[1] for match in named if match} <= targets
    assert [run for run in runs if not re.match(r"make |sudo .*\.ci/run |\.venv/bin/", run)] == []
