"""The job of `run_inference`: one cell measured, or the reason why not, in its three files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlmeter.cell.frame import build_ending, run_cell_job
from vlmeter.cell.measurement import Figures, Measurement
from vlmeter.measure.latency import Timing
from vlmeter.status import Failure
from vlmeter.storage.files import file_sha256, write_json


def run_inference(
    job: Mapping[str, Any],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    timeout_s: float,
) -> None:
    """Measure one cell.

    Args:
        job: What `Jobs.inference` tells.
        inputs: Paths of the manifests `images` and, where the device is there, `model`, and of
            `machine`.
        outputs: Paths of `measurement` and `timings`, and of `predictions` unless the answers are
            given by shards.
        timeout_s: How long it may take.
    """
    measurement = Path(outputs["measurement"])
    predictions = Path(outputs["predictions"]) if "predictions" in outputs else None

    def work() -> None:
        # In the child alone, after its environment is set: this imports torch.
        from vlmeter.cell.worker.measure import measure_cell  # noqa: PLC0415

        measured = measure_cell(job, inputs, predictions)
        write(measured.figures, measured.timings)

    def write_failure(failure: Failure) -> None:
        # Not at the top: Arrow starts threads, and the cell's child is forked from this process.
        from vlmeter.data.samples import PREDICTIONS  # noqa: PLC0415
        from vlmeter.storage.parquet import write_table  # noqa: PLC0415

        if predictions is not None:
            write_table(predictions, [], PREDICTIONS)
        write(None, [], failure)

    def write(
        figures: Figures | None, timings: Sequence[Timing], failure: Failure | None = None
    ) -> None:
        files = _write_timings(outputs, timings)
        result = Measurement(build_ending(job, failure), figures, files)
        write_json(measurement, result.as_plain())

    run_cell_job(job, inputs, measurement, timeout_s, work, write_failure)


def _write_timings(outputs: Mapping[str, str], timings: Sequence[Timing]) -> dict[str, str]:
    """Write the timings; return the checksums of the tables by name."""
    from vlmeter.data.samples import TIMINGS  # noqa: PLC0415
    from vlmeter.storage.parquet import write_table  # noqa: PLC0415

    rows = [dict(row._asdict()) for row in timings]
    write_table(Path(outputs["timings"]), rows, TIMINGS)
    tables = (name for name in ("predictions", "timings") if name in outputs)
    return {name: file_sha256(Path(outputs[name])) for name in tables}
