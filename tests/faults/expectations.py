"""What must be so after any fault."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from study import RESULTS_FOLDER, Job, Study, working_in

from vlmeter.results.verify import find_damages
from vlmeter.storage.files import read_json
from vlmeter.storage.layout import StudyFolder


class NoticedTooLittle(AssertionError):
    """A fault that VLMeter did not meet as it should."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault."""

    name: str
    happen: Callable[[Study, random.Random], str]
    """Makes it happen, checks that it is met well, and returns the message."""
    share: int
    """How often it comes, compared with the others."""


def expect(condition: object, words: str) -> None:
    if not condition:
        raise NoticedTooLittle(words)


def run_again(study: Study, job: Job, *, forked: bool = True) -> None:
    """Run the job again, as after any fault; the study is then as if nothing had happened."""
    ended = study.run(job, study.environment(), forked=forked)
    expect(ended.code == 0, f"running {job.name} again failed: {ended.output[-500:]}")
    left = [path for path in study.tree.path(str(RESULTS_FOLDER)).rglob(".*.part")]
    expect(not left, f"left behind: {left}")
    changed = study.differences()
    expect(not changed, f"after running again other files than in an undisturbed run: {changed}")


def expect_whole_or_absent(study: Study) -> None:
    with working_in(study.tree.folder):
        messages = [damage.words for damage in find_damages(StudyFolder(RESULTS_FOLDER))]
    unfinished = ("is missing", "is of an earlier measurement")
    halves = [words for words in messages if not any(part in words for part in unfinished)]
    expect(not halves, f"half-written files look finished: {halves}")


def expect_status(study: Study, job: Job, status: str, *words: str) -> str:
    """A cell that ended badly says so, has no figure and no traceback where none is due."""
    measurement = read_json(study.tree.path(str(job.outputs[0])))
    expect(
        measurement["status"] == status,
        f"{job.cell}: {measurement['status']} ({measurement['reason']})",
    )
    for word in words:
        expect(
            word in str(measurement["reason"]), f"{measurement['reason']!r} does not say {word!r}"
        )
    expect(
        set(measurement) <= {*("status", "reason", "traceback", "attempt", "files")},
        "figures invented",
    )
    return f"{status}: {measurement['reason']}"


def expect_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    expect(not alive, f"processes outlive their job: {alive}")
