"""The job of `profile_layers`: a cell's forward pass, layer by layer, or the reason why not."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlmeter.cell.frame import heading, run_cell_job
from vlmeter.status import Failure, Status
from vlmeter.storage.files import file_sha256, write_json, write_text

COLUMNS = ("module", "kind", "stage", "calls", "time_ms", "share", "flops", "parameters")


def profile_layers(
    job: Mapping[str, Any],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    timeout_s: float,
) -> None:
    """Profile one cell's forward pass.

    Args:
        job: What `Jobs.layers` tells.
        inputs: Paths of the manifests `images` and, where the device is there, `model`.
        outputs: Paths of `table` (CSV) and `record` (JSON).
        timeout_s: How long it may take.
    """
    record = Path(outputs["record"])

    def work() -> None:
        # In the child alone, after its environment is set: this imports torch.
        from vlmeter.cell.worker.layers import profile_cell  # noqa: PLC0415

        profiled = profile_cell(job, inputs)
        files = _write_table(Path(outputs["table"]), profiled.rows)
        write_json(record, {**_heading(job, Status.OK), **profiled.blocks, "files": files})

    def write_failure(failure: Failure) -> None:
        files = _write_table(Path(outputs["table"]), [])
        told = _heading(job, failure.status, failure.reason, failure.traceback)
        write_json(record, {**told, "files": files})

    run_cell_job(job, inputs, record, timeout_s, work, write_failure)


def _heading(
    job: Mapping[str, Any], status: Status, reason: str | None = None, trace: str | None = None
) -> dict[str, Any]:
    cell = job["cell"]
    told = {"id": cell["id"], "dataset": cell["dataset"], **cell["axes"]}
    return {**heading(job, status, reason, trace), "cell": told}


def _write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Write the table; return its checksum by name."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
    return {"table": file_sha256(path)}
