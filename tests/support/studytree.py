"""A copy of the workflow with the small study in it, in which Snakemake runs."""

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fork_server import run_forked, start_server, starts_alike
from small_study import CONFIG, RESULTS, STUDY, Job

REPOSITORY = Path(__file__).parents[2]
HERE = REPOSITORY / "tests/workflow"
FAKES = HERE / "fakes"
PARTS = ("Snakefile", "workflow", "config", "report", "envs", "profiles", "src", "demo")
FAKE_GPUS = tuple(f"GPU-00000000-0000-0000-0000-{number:012}" for number in (1, 2))

AIDS = ("HF_HUB_OFFLINE", "http_proxy", "https_proxy")
"""What keeps libraries off the network, or makes them fail there at once."""
START = {**os.environ, "HF_HUB_OFFLINE": "1"}
"""What the process sees that commands are forks of."""
NETWORK_LOG = ".network"
LIMIT_S = 500.0
"""How long a command may take before it counts as one that hangs."""
SECRET = "hf_this_must_stand_nowhere"
WITHOUT_NETWORK = ("unshare", "--map-root-user", "--net")
"""Runs a command in a network namespace of its own, which has no routes."""

IMPORT = re.compile(
    r"^(?P<indent> *)from (?P<package>vlmeter[\w.]*) import (\((?P<many>[^)]*)\)|(?P<names>.*))$",
    re.M,
)


def _rename_in_imports(file: Path, old: str, new: str) -> None:
    """Name a module's new place in what a file imports; the file uses it under its old name."""
    old_package, _, old_name = old.rpartition(".")
    new_package, _, new_name = new.rpartition(".")

    def renamed(match: re.Match[str]) -> str:
        if match["package"] == old:
            return match[0].replace(f"from {old} ", f"from {new} ")
        comment = f"  #{match[0].partition('#')[2]}" if "#" in match[0] else ""
        given = match["many"] or match["names"].partition("#")[0]
        names = [name.strip() for name in given.split(",") if name.strip()]
        if match["package"] != old_package or old_name not in names:
            return match[0]
        names.remove(old_name)
        alias = "" if new_name == old_name else f" as {old_name}"
        lines = [f"from {old_package} import {', '.join(names)}"] if names else []
        lines.append(f"from {new_package} import {new_name}{alias}")
        return "\n".join(f"{match['indent']}{line}{comment}" for line in lines)

    text = file.read_text(encoding="utf-8")
    edited = IMPORT.sub(renamed, text)
    if edited != text:
        file.write_text(edited, encoding="utf-8")


def _copy(sources: Iterable[Path], target: Path) -> None:
    """Copy files and folders as they are, three times as fast as Python does.

    Args:
        sources: Files and folders.
        target: A folder that they come into; where there is none, what the only source becomes.
    """
    subprocess.run(["cp", "--archive", *sources, target], check=True)


def can_leave_the_network() -> bool:
    """Say whether this machine lets a command have a network namespace of its own."""
    try:
        done = subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


@dataclass(frozen=True)
class Outcome:
    """What a Snakemake command did."""

    code: int
    text: str
    jobs: tuple[dict[str, Any], ...]
    """An entry per job that ran, or would run in a dry run, in the order of the events."""

    @property
    def names(self) -> set[Job]:
        """The jobs as rule and wildcards, without the rules that only name targets."""
        return {(job["rule"], *job["wildcards"].values()) for job in self.jobs if job["has_output"]}

    def count(self, rule: str) -> int:
        """How many jobs of a rule there are."""
        return sum(job["rule"] == rule for job in self.jobs)


@dataclass(frozen=True)
class Tree:
    """A folder with a config of its own, and mostly with the workflow."""

    folder: Path
    checkout: Path | None = None
    """Where the workflow lies, if not in the folder."""

    @classmethod
    def new(cls, folder: Path) -> "Tree":
        """Copy the repository's workflow into `folder` and write the small study there."""
        folder.mkdir(parents=True, exist_ok=True)
        _copy([REPOSITORY / name for name in PARTS], folder)
        _copy([digest_scripts()], folder)
        tree = cls(folder)
        tree.write_config(STUDY)
        return tree

    def copy(self, folder: Path) -> "Tree":
        """Copy this tree with its results and Snakemake's memory of them."""
        _copy([self.folder], folder)
        return Tree(folder)

    def path(self, name: str) -> Path:
        """A file of the tree."""
        return self.folder / name

    def result(self, name: str) -> Path:
        """A file of the study's results."""
        return self.folder / RESULTS / name

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the study's results."""
        return json.loads(self.result(name).read_text())

    def record(self, cell: tuple[str, str]) -> dict[str, Any]:
        """The record of a cell."""
        dataset, name = cell
        return self.json(f"cells/{dataset}/{name}/record.json")

    def write_config(self, values: dict[str, Any], name: str = CONFIG) -> None:
        """Write a config file."""
        self.path(name).write_text(yaml.safe_dump(values, sort_keys=False))

    @contextmanager
    def config(self) -> Iterator[dict[str, Any]]:
        """Yield the study's config to be changed."""
        values = yaml.safe_load(self.path(CONFIG).read_text())
        yield values
        self.write_config(values)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first `old` in a file, which must be there."""
        text = self.path(name).read_text()
        assert old in text, f"{name} does not hold {old!r}"
        self.path(name).write_text(text.replace(old, new, 1))

    def move_module(self, old: str, new: str) -> None:
        """Move a module of the package and name its new place wherever it is imported.

        Args:
            old: Dotted, below the package.
            new: Dotted; packages on the way are made. The name of the module is used under its
                old one where it is imported as a whole, as a careful hand would write it.
        """
        source = self.folder / "src" / "vlmeter"
        target = source.joinpath(*new.split(".")).with_suffix(".py")
        for package in reversed(target.relative_to(source).parents[:-1]):
            (source / package).mkdir(exist_ok=True)
            (source / package / "__init__.py").touch()
        source.joinpath(*old.split(".")).with_suffix(".py").rename(target)
        for file in [*source.rglob("*.py"), *self.path("workflow").rglob("*.*")]:
            if file.suffix in {".py", ".smk"}:
                _rename_in_imports(file, f"vlmeter.{old}", f"vlmeter.{new}")

    def append(self, name: str, text: str) -> None:
        """Add text to the end of a file."""
        with self.path(name).open("a") as file:
            file.write(text)

    def touch(self, *names: str) -> None:
        """Make files look new without changing them."""
        for name in names:
            assert self.path(name).is_file(), name
            self.path(name).touch()

    def environment(
        self, *fakes: str, endings: dict[str, str] | None = None, gpus: int = 1
    ) -> dict[str, str]:
        """What the tree's processes see: its own package, the fakes, and locks of its own.

        Args:
            fakes: Names of folders below `fakes/` whose modules stand in for others.
            endings: Ends of cells, as `fakes/cells` describes them.
            gpus: How many GPUs the machine has where `gpu` or `cuda` is among the fakes.
        """
        inherited = {key: os.environ[key] for key in os.environ if not key.startswith("SNAKEMAKE_")}
        search = [FAKES / name for name in (*fakes, "cells")]
        search += [(self.checkout or self.folder) / "src", HERE / "plugins"]
        return {
            **inherited,
            "PYTHONPATH": os.pathsep.join(map(str, search)),
            "VLMETER_LOCK_DIR": str(self.folder / ".locks"),
            # Jobs are forks already, of a server that all runs share.
            "VLMETER_WARM": "off",
            "XDG_CACHE_HOME": find_cache(),
            # A real GPU of the machine stays out of sight, of NVML as of torch.
            "CUDA_VISIBLE_DEVICES": ",".join(
                FAKE_GPUS[:gpus] if {"gpu", "cuda"}.intersection(fakes) else ()
            ),
            "FAKE_GPUS": str(len(FAKE_GPUS)),
            "CELL_ENDINGS": json.dumps(endings or {}),
            "CAPTURED_JOBS": str(self.folder / ".captured"),
            "JOB_EVENTS": str(self.folder / ".jobs"),
            # Whatever asks the network fails at once.
            "HF_HUB_OFFLINE": "1",
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
        }

    def snakemake(
        self,
        *arguments: str,
        configfile: str | None = CONFIG,
        fakes: Iterable[str] = (),
        endings: dict[str, str] | None = None,
        gpus: int = 1,
        quick: bool = False,
        unaided: bool = False,
        forked: bool = False,
        warm: bool = False,
    ) -> Outcome:
        """Run a Snakemake command in this tree.

        Args:
            arguments: Of the command.
            configfile: The study.
            fakes: As `environment` takes them, and so `endings` and `gpus`.
            endings: Of cells.
            gpus: Of the machine.
            quick: All cells that run have an end that measures nothing: torch stays out.
            unaided: Nothing asks the libraries to stay off the network, and there is a secret in
                the environment. Who asks the network is noted in `NETWORK_LOG`.
            forked: Jobs are forks of a process that has imported torch and more.
            warm: The run has a server of its own, of which cells are forks.
        """
        environment = self.environment(*fakes, endings=endings, gpus=gpus)
        if warm:
            del environment["VLMETER_WARM"]
        if quick:
            environment["CELLS_ARE_QUICK"] = "1"
        if unaided:
            environment = {
                **{key: environment[key] for key in environment if key not in AIDS},
                "NETWORK_LOG": str(self.path(NETWORK_LOG)),
                "HF_TOKEN": SECRET,
            }
        events = Path(environment["JOB_EVENTS"])
        events.unlink(missing_ok=True)
        arguments = (*arguments, "--nocolor", "--logger", "jobs")
        if configfile is not None:
            arguments = (*arguments, "--configfile", configfile)
        if forked:
            environment = fork_jobs(environment)
        if _starts_like_the_server(environment):
            code, text = self._fork_snakemake(arguments, environment)
        else:
            code, text = self._start_snakemake(arguments, environment, unaided=unaided)
        lines = events.read_text(encoding="utf-8").splitlines() if events.exists() else []
        return Outcome(code, text, tuple(map(json.loads, lines)))

    def _fork_snakemake(
        self, arguments: Iterable[str], environment: dict[str, str]
    ) -> tuple[int, str]:
        """Run Snakemake in a fork of the server; return its exit code and what it printed."""
        command = ["snakemake", *arguments]
        with self.path(".printed").open("w+") as printed:
            code = run_forked(
                find_server(), command, str(self.folder), environment, printed.fileno(), LIMIT_S
            )
            printed.seek(0)
            return code, printed.read()

    def _start_snakemake(
        self, arguments: Iterable[str], environment: dict[str, str], *, unaided: bool
    ) -> tuple[int, str]:
        """Run Snakemake in a process of its own; return its exit code and what it printed."""
        command = [sys.executable, "-m", "snakemake", *arguments]
        if unaided and can_leave_the_network():
            command = [*WITHOUT_NETWORK, *command]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout

    def execute(
        self, *command: str | Path, forked: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run any command in the tree; jobs of a Snakemake that it starts are forks if `forked`."""
        environment = self.environment()
        return subprocess.run(
            command,
            cwd=self.folder,
            env=fork_jobs(environment) if forked else environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def plan(self, *targets: str, **options: Any) -> Outcome:
        """Ask what would run; the answer must not be a failure."""
        outcome = self.snakemake(*targets, "--dry-run", **options)
        assert outcome.code == 0, outcome.text
        return outcome

    def run(self, *targets: str, forked: bool = True, **options: Any) -> Outcome:
        """Run the study, or some targets of it; its jobs start Python anew if not `forked`."""
        return self.snakemake(*targets, "--cores", "2", forked=forked, **options)


def fork_jobs(environment: dict[str, str]) -> dict[str, str]:
    """An environment under which Snakemake's jobs are forks, whoever starts it."""
    server = find_server() if _starts_like_the_server(environment) else ""
    profile = str(HERE / "plugins/profile_of_forks")
    return {**environment, "FORKED_JOBS": server, "SNAKEMAKE_PROFILE": profile}


def _starts_like_the_server(environment: dict[str, str]) -> bool:
    """Say whether a fork of the server is what a new process would be under an environment."""
    # What these two do when Python starts, they do for all that is imported after it.
    special = "NETWORK_LOG" in environment or str(FAKES / "cuda") in environment["PYTHONPATH"]
    return not special and starts_alike(environment, START)


@cache
def find_cache() -> str:
    """The user's cache of all trees: what a page draws with is bundled once."""
    folder = tempfile.TemporaryDirectory(prefix="cache-of-trees-")
    atexit.register(folder.cleanup)
    return folder.name


@cache
def digest_scripts() -> Path:
    """A folder `.snakemake` with the digests of the repository's scripts, as a first run leaves it.

    They lie under a checksum of what they follow from: a tree that differs makes its own.
    """
    folder = Path(find_cache(), "digests")
    folder.mkdir()
    code = "from vlmeter.study import script_digests; script_digests.get_script_digest('aggregate')"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    return folder / ".snakemake"


@cache
def find_server() -> str:
    """The process that the commands of all tests are forks of."""
    return start_server(START)
