"""Where the records come from: what all cells share, and then only what differs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.numbers import DASH
from vlmeter.results.summary_row import SummaryRow

_TRAITS = (
    "git_commit",
    "git_dirty",
    "code_digest",
    "software",
    "model_image_backend",
    "torch_settings",
    "cuda_settings",
    "machine_cpu",
    "machine_gpus",
    "machine_driver",
    "machine_os",
    "machine_container",
    "machine_python",
    "threads",
    "gpu_power_limit_w",
    "attempt",
)
"""What may differ from cell to cell, by its column."""

_SHARED = (
    "git_commit",
    "code_digest",
    "model_image_backend",
    "threads",
    "cuda_settings",
    "gpu_power_limit_w",
)
"""What is said of all cells where most share it."""
_AS_JSON = ("software", "torch_settings", "cuda_settings")
_OF_CUDA = ("version", "cudnn", "capability", "matmul_fp32", "convolution_fp32")
"""What of the settings of CUDA every reader should see."""


@dataclass(frozen=True)
class Origin:
    """Where the records come from."""

    shared: tuple[tuple[str, str], ...]
    """Heading and text of what most cells share."""
    differing: Table | None
    """The cells that do not, with what differs."""


def describe_origin(rows: Sequence[SummaryRow], labels: Mapping[str, str]) -> Origin:
    """Return what the measured cells share, and what sets single ones apart.

    Args:
        rows: The rows of `summary.csv`; cells without figures have no provenance.
        labels: The labels of the data sets.
    """
    common: dict[str, object] = {}
    apart: dict[tuple[str, str], list[str]] = {}
    for column in _TRAITS:
        values = {id(row): getattr(row, column) for row in rows}
        counts = Counter(value for value in values.values() if value is not None)
        if not counts:
            continue
        common[column] = counts.most_common(1)[0][0]
        for row in rows:
            value = values[id(row)]
            if value not in (None, common[column]):
                label = labels.get(row.dataset, row.dataset)
                apart.setdefault((label, row.cell), []).append(
                    f"{say(f'trait.{column}')}: {_format_trait(column, value, common[column])}"
                )
    shared = tuple(
        (say(f"trait.{column}"), _format_shared_trait(column, value))
        for column, value in common.items()
        if column in _SHARED
    )
    if common.get("git_dirty"):
        commit = say("trait.git_commit")
        shared = tuple(
            (heading, say("origin.not_committed", commit=text) if heading == commit else text)
            for heading, text in shared
        )
    return Origin(shared, _tabulate_differing(apart))


def _format_shared_trait(column: str, value: object) -> str:
    if column != "cuda_settings":
        return _format_trait(column, value)
    settings = json.loads(str(value))
    return say("origin.cuda", **{key: settings.get(key) for key in _OF_CUDA})


def _format_trait(column: str, value: object, common: object = None) -> str:
    if column == "git_dirty":
        return say("origin.dirty" if value else "origin.clean")
    if column in _AS_JSON:
        return _list_unlike_entries(str(value), None if common is None else str(common))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list_unlike_entries(text: str, common: str | None) -> str:
    """Return the versions or settings that are not those of most cells."""
    own, usual = _flatten_settings(text), _flatten_settings(common or "{}")
    unlike = [name for name in {**own, **usual} if own.get(name) != usual.get(name)]
    return join_words([f"{name} {own.get(name, DASH)}" for name in unlike])


def _flatten_settings(text: str) -> dict[str, object]:
    """Return settings by their own names: those of the environment are nested in JSON."""
    settings: dict[str, object] = json.loads(text)
    environment = settings.pop("environment", None)
    return {**settings, **environment} if isinstance(environment, dict) else settings


def _tabulate_differing(apart: Mapping[tuple[str, str], Sequence[str]]) -> Table | None:
    if not apart:
        return None
    return build_table(
        [
            TextColumn(say("table.dataset"), [dataset for dataset, _ in apart]),
            TextColumn(say("table.cell"), [cell for _, cell in apart]),
            TextColumn(say("origin.what_differs"), ["; ".join(texts) for texts in apart.values()]),
        ]
    )
