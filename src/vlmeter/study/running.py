"""Lets one run of a study work at a time.

Snakemake's own lock outlives a run that is killed, and has to be removed by hand. This one is the
kernel's, which gives it up with the process.
"""

import fcntl
import os

from vlmeter.errors import UserError
from vlmeter.storage.layout import StudyFolder


def hold_study(folder: StudyFolder) -> None:
    """Hold a study's folder until this process ends, where its file system has locks.

    Raises:
        UserError: another run holds it.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    # Not inherited by the jobs, and not closed: the process holds it as long as it lives.
    handle = os.open(folder.running, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 100).decode("ascii", "replace").strip()
        os.close(handle)
        raise UserError(
            f"{folder.root} is in use by another run ({holder}): wait until it ends."
        ) from None
    except OSError:
        # Some network file systems know no locks.
        os.close(handle)
        return
    os.truncate(handle, 0)
    os.write(handle, f"process {os.getpid()} of {os.uname().nodename}\n".encode())
