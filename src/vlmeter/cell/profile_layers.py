"""The job of `profile_layers`: a cell's forward pass, layer by layer, or the reason why not."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlmeter.axes import Axes
from vlmeter.cell.frame import build_ending, run_cell_job
from vlmeter.cell.layers_record import LayersFigures, LayersRecord
from vlmeter.measure.layers.result import LayerRow
from vlmeter.status import Failure
from vlmeter.storage.files import file_sha256, write_json, write_text


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
        write(profiled.figures, profiled.rows)

    def write_failure(failure: Failure) -> None:
        write(None, [], failure)

    def write(
        figures: LayersFigures | None, rows: Iterable[LayerRow], failure: Failure | None = None
    ) -> None:
        cell = job["cell"]
        result = LayersRecord(
            ending=build_ending(job, failure),
            id=cell["id"],
            dataset=cell["dataset"],
            axes=Axes(**cell["axes"]),
            figures=figures,
            files=_write_table(Path(outputs["table"]), rows),
        )
        write_json(record, result.as_plain())

    run_cell_job(job, inputs, record, timeout_s, work, write_failure)


def _write_table(path: Path, rows: Iterable[LayerRow]) -> dict[str, str]:
    """Write the table; return its checksum by name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LayerRow._fields)
    writer.writerows(rows)
    write_text(path, text.getvalue())
    return {"table": file_sha256(path)}
