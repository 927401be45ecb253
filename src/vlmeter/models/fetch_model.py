"""The job of `fetch_model`: a model is stored in a child, which begins as a cell's does."""

from functools import partial
from pathlib import Path

from vlmeter.machine.child_call import call_in_child
from vlmeter.models.job import ModelJob
from vlmeter.models.prepare_model import prepare_model


def fetch_model(job: ModelJob, manifest: Path, key: str) -> None:
    """Store a model in the wanted number format, beside `manifest`.

    Args:
        job: The model.
        manifest: To write; the folder has its name without `.json`.
        key: Digest of what the job depends on.

    Raises:
        UserError: the model cannot be found or loaded.
    """
    # The run's server and its forks ask no network, where the Hub is.
    own_imports = job.source.path is None
    call_in_child(partial(prepare_model, job, manifest, key=key), own_imports=own_imports)
