"""Reads a study's config for the workflow, with all that is checked before any job starts."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from vlmeter.config.load import check_config, read_yaml
from vlmeter.errors import UserError
from vlmeter.source_file import CHECKOUT
from vlmeter.storage.files import write_text
from vlmeter.storage.layout import StudyFolder
from vlmeter.study.gates import check_gates
from vlmeter.study.imported import check_measured, is_imported
from vlmeter.study.sources import check_sources
from vlmeter.study.study import Study


def read_study(files: Sequence[Path], values: Mapping[str, object]) -> Study:
    """Return the study of the only config file.

    Args:
        files: The config files that Snakemake was given; none where a workflow that uses this one
            as a module gives its values.
        values: What Snakemake read of them.

    Raises:
        UserError: there are several files, something in the config cannot be used, or jobs cannot
            be started.
    """
    if " " in sys.executable:
        raise UserError(
            f"Snakemake cannot run jobs by {sys.executable}, whose path has a space: put the "
            "environment with VLMeter into a folder without one."
        )
    if len(files) > 1:
        names = ", ".join(map(str, files))
        raise UserError(f"{len(files)} config files are given; a study is exactly one: {names}.")
    file = str(files[0]) if files else "the module's config"
    if files:
        # Snakemake accepts what this refuses: a key that stands twice.
        read_yaml(Path(file))
    study = Study(check_config(values, file))
    if is_imported(study.folder):
        check_measured(study)
    else:
        check_sources(study, file)
    check_gates(study, file)
    return study


def keep_config(folder: StudyFolder, files: Sequence[Path], values: Mapping[str, object]) -> None:
    """Keep the config with the results: as its file has it, or as Snakemake changed that."""
    text = Path(files[0]).read_text("utf-8") if files else ""
    if not files or read_yaml(Path(files[0])) != values:
        text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)
    write_text(folder.config, text)


def name_source() -> None:
    """Say where this package lies, for `envs/vlmeter.post-deploy.sh`.

    Snakemake runs a copy of that script, from whatever the working directory is.
    """
    os.environ["VLMETER_SOURCE"] = str(CHECKOUT)
