"""The last word on a study: a cell that ended in an error is a bug, and the run must fail."""

from collections.abc import Sequence
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.files import read_json, write_json
from vlmeter.record import Status


def check_study(records: Sequence[Path], check: Path) -> None:
    """Write `check`, a count of the cells by status, unless one ended in an error.

    Raises:
        UserError: naming every cell that did, after the report is written.
    """
    told = {path: read_json(path) for path in records}
    statuses = [str(record["status"]) for record in told.values()]
    broken = [
        f"{path}: {record['reason']}"
        for path, record in told.items()
        if record["status"] == Status.ERROR
    ]
    if broken:
        raise UserError(
            f"{len(broken)} of {len(told)} cells ended in an error; the report is written, and "
            "each record holds its traceback. A cell is tried again up to measure.max_attempts "
            "times; to force one, give --forcerun its measurement.json.\n" + "\n".join(broken)
        )
    counts = {status.value: statuses.count(status.value) for status in Status}
    write_json(check, {"cells": len(told), "by_status": counts})
