"""Says what a study would do, before anything is fetched.

`vlmeter plan config/config.yaml`: the cells, how many can run on this machine, and the
bytes, disk and memory that they need. The Hub is asked for sizes, nothing is downloaded.
"""

import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
from safetensors import SafetensorError, safe_open

from vlmeter.data.source import draw_sample, open_source
from vlmeter.errors import UserError, one_line
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from vlmeter.machine import devices
from vlmeter.models.config_file import read_config
from vlmeter.models.job import ModelSource
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.packages import check_packages
from vlmeter.status import UnsupportedError
from vlmeter.storage.layout import SOURCE_DIGESTS
from vlmeter.study.counts import format_count
from vlmeter.study.duration import describe_duration
from vlmeter.study.host_memory import BYTES_PER_NUMBER
from vlmeter.study.jobs import Jobs
from vlmeter.study.obstacles import Obstacles
from vlmeter.study.remakes import is_current
from vlmeter.study.sources import SourceDigests
from vlmeter.study.study import Cell, Study


@dataclass(frozen=True)
class Need:
    """What a model or a data set needs."""

    name: str
    fetch_bytes: int | None
    """Over the network; None where no size is announced."""
    disk_bytes: int | None
    """Kept below `results/`, besides what the Hub's own cache keeps."""
    memory_bytes: int | None = None
    """The weights, once loaded; what a batch needs comes on top."""
    note: str = ""
    problem: str | None = None
    """Why it cannot be had."""
    refusal: str | None = None
    """Why its cells will be unsupported."""
    cells: tuple[Cell, ...] = ()
    """Those that wait for it, or will be unsupported."""

    @property
    def remark(self) -> str:
        """What stands in its line: what cells lack is named once for all of them."""
        if self.problem is not None:
            return "cannot be had, see below"
        return self.note if self.refusal is None else "unsupported"


class Plan(NamedTuple):
    """What a study would do."""

    text: str
    problems: list[str]
    """Why it could not be measured as it is; empty where it could."""


def make_plan(study: Study, retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY) -> Plan:
    """Return the plan; `retry_policy` is that of requests to the Hub."""
    obstacles = Obstacles(study)
    jobs = Jobs(study)
    needs = [
        *_list_dataset_needs(study, jobs, retry_policy),
        *_list_model_needs(study, jobs, retry_policy),
    ]
    possible = [cell for cell in study.cells if obstacles.find(cell) is None]
    refused = {
        cell.key: need.refusal for need in needs if need.refusal is not None for cell in need.cells
    }
    runnable = [cell for cell in possible if cell.key not in refused]
    refusals = Counter(refused[cell.key] for cell in possible if cell.key in refused)
    lines = [
        f"study {study.name}: sections {len(study.sections)}, cells {len(study.cells)}, "
        f"layer profiles {len(study.layer_cells)}",
        f"can run here: {len(runnable)} of {len(study.cells)} cells ({_count_by_device(study)})",
        *obstacles.describe(),
        *(
            f"cannot run here: {format_count(count, 'cell')}: {refusal}"
            for refusal, count in refusals.items()
        ),
        *(
            f"answers on {name}: {block.shards} jobs a cell"
            for name, block in study.config.datasets.items()
            if block.shards > 1
        ),
        "",
        f"{'':32}{'to fetch':>12}{'on disk':>12}{'in memory':>12}",
    ]
    lines += [
        f"{need.name:32}{_format_size(need.fetch_bytes):>12}{_format_size(need.disk_bytes):>12}"
        f"{_format_size(need.memory_bytes) if need.memory_bytes else '':>12}"
        f"  {need.remark}".rstrip()
        for need in needs
    ]
    disk = sum(need.disk_bytes or 0 for need in needs)
    memory = max((need.memory_bytes or 0 for need in needs), default=0)
    at_least = "at least " if any(need.disk_bytes is None for need in needs) else ""
    free = shutil.disk_usage(".").free
    host = psutil.virtual_memory().total
    lines += [
        "",
        *_describe_reading(study),
        *describe_duration(study, runnable),
        f"disk: {at_least}{_format_size(disk)} needed, {_format_size(free)} free"
        f"{_format_warning(disk, free)}",
        f"memory: {at_least}{_format_size(memory)} for the largest model's weights, "
        f"{_format_size(host)} in this machine{_format_warning(memory, host)}",
    ]
    problems = list(_list_problems(needs))
    if not runnable:
        problems.append("No cell can run on this machine.")
    if disk > free:
        problems.append(f"{_format_size(disk)} of disk are needed, {_format_size(free)} are free.")
    return Plan("\n".join(lines), problems)


def _list_problems(needs: Iterable[Need]) -> Iterator[str]:
    """Yield each reason once, with what cannot be had for it and how many cells wait for that."""
    by_reason: dict[str, list[Need]] = {}
    for need in needs:
        if need.problem is not None:
            by_reason.setdefault(need.problem, []).append(need)
    for problem, of_it in by_reason.items():
        waiting = {cell.key for need in of_it for cell in need.cells}
        names = ", ".join(need.name for need in of_it)
        yield f"{names} (for {format_count(len(waiting), 'cell')}): {problem}"


def _describe_reading(study: Study) -> Iterator[str]:
    """Say how much of local files is read to notice changes of them."""
    unread = SourceDigests(SOURCE_DIGESTS).list_unread(study)
    if unread:
        size = sum(file.stat().st_size for file in unread)
        files = format_count(len(unread), "local file")
        yield f"read whole, once: {_format_size(size)} of {files}"


def _runs_here(study: Study, cell: Cell) -> bool:
    return devices.is_present(cell.axes.device, study.gpus(cell))


def _count_by_device(study: Study) -> str:
    counts = Counter(cell.axes.device for cell in study.cells)
    return ", ".join(
        f"{count} on {device}{'' if devices.is_present(device) else ', which is not here'}"
        for device, count in counts.items()
    )


def _list_dataset_needs(study: Study, jobs: Jobs, retry_policy: RetryPolicy) -> Iterator[Need]:
    for name in study.used_datasets:
        job = study.dataset_job(name)
        stored = study.folder.dataset(name).manifest
        if stored.exists() and is_current(stored, jobs.build_dataset_key(name)):
            yield Need(f"data set {name}", 0, 0, note="already here")
            continue
        if job.source.synthetic is not None:
            yield Need(f"data set {name}", 0, 0, note=format_count(job.sample.n, "random row"))
            continue
        columns = sorted(set(job.columns.list_present().values()))
        try:
            files = open_source(job.source, retry_policy=retry_policy)
            draw = draw_sample(files, columns, job.sample.n, job.sample.seed)
        except UserError as error:
            cells = tuple(cell for cell in study.cells if cell.dataset == name)
            yield Need(f"data set {name}", None, None, problem=str(error), cells=cells)
            continue
        sizes = [group.compressed_bytes for group in draw.groups]
        announced = [size for size in sizes if size is not None]
        read = sum(announced)
        rows = sum(group.rows for group in draw.groups)
        kept = read * len(draw.picked) // max(rows, 1) if len(announced) == len(sizes) else None
        local = files.revision is None
        yield Need(
            f"data set {name}",
            0 if local else read,
            kept,
            note=format_count(len(draw.picked), "row"),
        )


def _list_model_needs(study: Study, jobs: Jobs, retry_policy: RetryPolicy) -> Iterator[Need]:
    cells = (*study.cells, *study.layer_cells)
    # The Hub's cache keeps what it sent, for the next number format too.
    fetched: set[str] = set()
    measured = {cell.key for cell in study.cells}
    for model, dtype in study.stored_models:
        users = [cell for cell in cells if (cell.axes.model, cell.axes.dtype) == (model, dtype)]
        own = tuple(cell for cell in users if cell.key in measured)
        name, manifest = f"model {model} {dtype}", study.folder.model_manifest(model, dtype)
        if not any(_runs_here(study, cell) for cell in users):
            here = ", ".join(sorted({cell.axes.device for cell in users}))
            yield Need(name, 0, 0, note=f"not fetched: no device of its cells ({here}) is here")
        elif manifest.exists() and is_current(manifest, jobs.build_model_key(model, dtype)):
            refusal = read_model_manifest(manifest).unsupported
            yield Need(name, 0, 0, note="already here", refusal=refusal, cells=own)
        else:
            need = _estimate_model_need(study, model, dtype, name, model in fetched, retry_policy)
            yield replace(need, cells=own)
            fetched.add(model)


def _estimate_model_need(
    study: Study, model: str, dtype: str, name: str, is_fetched: bool, retry_policy: RetryPolicy
) -> Need:
    source = study.model_job(model, dtype).source
    try:
        _check_local_config(source)
    except UnsupportedError as refusal:
        return Need(name, 0, 0, refusal=str(refusal))
    except UserError as error:
        return Need(name, None, None, problem=str(error))
    if source.hub is not None:
        # A local model needs no Hub.
        from vlmeter.models.hub_files import fetch_size  # noqa: PLC0415
        from vlmeter.models.weight_files import choose_files  # noqa: PLC0415

        choose = partial(choose_files, source.hub, allow=source.allow)
        try:
            size = fetch_size(
                source.hub, source.revision, choose, retry_policy, partial(_check_type, source)
            )
        except UnsupportedError as refusal:
            return Need(name, 0, 0, refusal=str(refusal))
        except UserError as error:
            return Need(name, None, None, problem=str(error))
        numbers, fetch = size.parameters, 0 if is_fetched else size.bytes
        if numbers is None:
            return Need(name, fetch, None, note="the Hub names no number of parameters")
    elif study.config.models[model].weights == "random":
        return Need(name, 0, 0, note="random weights, made in memory at full size")
    else:
        try:
            numbers = sum(map(_count_parameters, source.find_path().glob("*.safetensors")))
        except (OSError, SafetensorError) as error:
            return Need(name, None, None, problem=f"its weights cannot be read: {one_line(error)}")
        fetch = 0
    weights = numbers * BYTES_PER_NUMBER[dtype]
    return Need(name, fetch, weights, weights, f"{numbers / 1e6:,.1f} M parameters")


def _check_local_config(source: ModelSource) -> None:
    folder = None if source.path is None else source.find_path()
    if folder is not None and (folder / "config.json").is_file():
        _check_type(source, read_config(source.name, folder).get("model_type"))


def _check_type(source: ModelSource, model_type: str | None) -> None:
    if model_type is not None and "remote_code" not in source.allow:
        check_packages(source.name, model_type)


def _count_parameters(file: Path) -> int:
    with safe_open(file, framework="numpy") as tensors:
        return sum(
            math.prod(tensors.get_slice(name).get_shape())
            for name in tensors.keys()  # noqa: SIM118 - it is no dict
        )


def _format_size(count: int | None) -> str:
    if count is None:
        return "unknown"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _format_warning(needed: int, present: int) -> str:
    return "  <- too little" if needed > present else ""
