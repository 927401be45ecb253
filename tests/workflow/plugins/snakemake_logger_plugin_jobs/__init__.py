"""A Snakemake logger plugin: a JSON line for every job that runs, or would run in a dry run.

Snakemake's text shows a rule's message instead of its name and wildcards; the events hold both.
A run that the tests started ends with them.
"""

import ctypes
import json
import os
import signal
import sys
from logging import LogRecord
from pathlib import Path

import forked_jobs
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

PR_SET_PDEATHSIG = 1


class LogHandler(LogHandlerBase):
    writes_to_stream = False
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if "FORKED_JOBS" in os.environ:
            forked_jobs.install()

    def emit(self, record: LogRecord) -> None:
        if getattr(record, "event", None) != LogEvent.JOB_INFO:
            return
        job = {
            "rule": record.rule_name,
            "wildcards": dict(record.wildcards),
            "has_output": bool(record.output),
            "output": [str(path) for path in record.output],
            "log": [str(path) for path in record.log],
            "gpu": record.resources.get("gpu"),
            "reason": record.reason,
        }
        with Path(os.environ["JOB_EVENTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(job) + "\n")
