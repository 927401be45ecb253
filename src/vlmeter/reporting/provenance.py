"""Where the records come from: what all cells share is told once, then only what differs."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.reporting.formats import listed
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.table import Table, TextColumn, table_of
from vlmeter.results.numbers import DASH, quantity
from vlmeter.results.tables import Row

Plain = Mapping[str, Any]

_TRAITS = (
    "git_commit",
    "git_dirty",
    "code_digest",
    "software",
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

_AS_JSON = ("software", "torch_settings", "cuda_settings")
_OF_CUDA = ("version", "cudnn", "capability", "matmul_fp32", "convolution_fp32")
"""What of the settings of CUDA every reader should see."""

_FOUND_OUT = {
    "model": {
        "revision": "model_revision",
        "parameters": "model_parameters",
        "attention": "model_attention",
        "digest": "model_digest",
        "licence": "model_licence",
    },
    "dataset": {"digest": "samples_sha256"},
}
"""What records know of a model or a data set, by the column where it stands."""


@dataclass(frozen=True)
class Origin:
    """Where the records come from."""

    shared: tuple[tuple[str, str], ...]
    """Heading and text of what most cells share."""
    differing: Table | None
    """The cells that do not, with what differs."""


def origin(rows: Sequence[Row], datasets: Plain) -> Origin:
    """Return what the measured cells share, and what sets single ones apart.

    Args:
        rows: The rows of `summary.csv`; cells without figures have no provenance.
        datasets: The data sets' outline.
    """
    common: dict[str, object] = {}
    apart: dict[tuple[str, str], list[str]] = {}
    for column in _TRAITS:
        counts = Counter(row[column] for row in rows if row[column] is not None)
        if not counts:
            continue
        common[column] = counts.most_common(1)[0][0]
        for row in rows:
            if row[column] not in (None, common[column]):
                label = str(datasets.get(row["dataset"], {}).get("label", row["dataset"]))
                apart.setdefault((label, row["cell"]), []).append(
                    f"{say(f'trait.{column}')}: {_words(column, row[column], common[column])}"
                )
    shared = tuple(
        (say(f"trait.{column}"), _shared_words(column, value))
        for column, value in common.items()
        if column in ("git_commit", "code_digest", "threads", "cuda_settings", "gpu_power_limit_w")
    )
    if common.get("git_dirty"):
        commit = say("trait.git_commit")
        shared = tuple(
            (heading, say("origin.not_committed", commit=text) if heading == commit else text)
            for heading, text in shared
        )
    return Origin(shared, _differing(apart))


def described(
    kind: str, name: str, block: Plain, rows: Sequence[Row], manifest: Plain | None = None
) -> Plain:
    """Return a model or a data set of the outline with what was found out about it.

    Args:
        kind: model or dataset.
        name: Its name.
        block: Its part of the outline.
        rows: The rows of `summary.csv`.
        manifest: What was written beside a data set's samples, if known.
    """
    own = [row for row in rows if row[kind] == name]
    found: dict[str, object] = {}
    for key, column in _FOUND_OUT[kind].items():
        told = list(dict.fromkeys(row[column] for row in own if row[column] is not None))
        found[key] = told[0] if told else None
        if key == "digest":
            found[key] = listed([str(one)[:12] for one in told]) or None
    known = {key: value for key, value in found.items() if value is not None}
    for key in ("revision", "licence"):
        if manifest is not None and manifest.get(key):
            known[key] = str(manifest[key])
    if block.get("licence"):
        # What the study says about a licence is more than what a card says.
        known["licence"] = block["licence"]
    return {**dict.fromkeys(("revision", "licence")), **found, **block, **known}


def _shared_words(column: str, value: object) -> str:
    if column != "cuda_settings":
        return _words(column, value)
    settings = json.loads(str(value))
    return say("origin.cuda", **{key: settings.get(key) for key in _OF_CUDA})


def _words(column: str, value: object, common: object = None) -> str:
    if column == "git_dirty":
        return say("origin.dirty" if value else "origin.clean")
    if column in _AS_JSON:
        return _entries(str(value), None if common is None else str(common))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _entries(text: str, common: str | None) -> str:
    """Return the versions or settings that are not those of most cells."""
    own, usual = _flat(json.loads(text)), _flat(json.loads(common or "{}"))
    unlike = [name for name in {**own, **usual} if own.get(name) != usual.get(name)]
    return listed([f"{name} {own.get(name, DASH)}" for name in unlike])


def _flat(settings: Plain) -> dict[str, object]:
    """Return settings by their own names: an environment's stand inside."""
    environment = settings.get("environment") or {}
    return {**{key: settings[key] for key in settings if key != "environment"}, **environment}


def _differing(apart: Mapping[tuple[str, str], Sequence[str]]) -> Table | None:
    if not apart:
        return None
    return table_of(
        [
            TextColumn(say("table.dataset"), [dataset for dataset, _ in apart]),
            TextColumn(say("table.cell"), [cell for _, cell in apart]),
            TextColumn(say("origin.what_differs"), ["; ".join(told) for told in apart.values()]),
        ]
    )


def machine_lines(machine: Plain) -> list[tuple[str, str]]:
    """Return the machine and its software as pairs of heading and text."""
    return [(heading, text) for heading, text in _lines(machine) if text]


def _lines(machine: Plain) -> Iterator[tuple[str, str]]:
    cpu = machine.get("cpu") or {}
    yield say("machine.cpu"), _join_parts(cpu.get("name"), _cores(cpu))
    memory = machine.get("memory_bytes")
    yield say("machine.memory"), quantity(memory, "B") if memory else ""
    for gpu in machine.get("gpus") or []:
        size = gpu.get("memory_bytes")
        driver = gpu.get("driver")
        yield (
            say("machine.gpu"),
            _join_parts(
                gpu.get("name"),
                size and quantity(size, "B"),
                driver and say("machine.driver", version=driver),
            ),
        )
    if not machine.get("gpus"):
        yield say("machine.gpu"), say("machine.none")
    yield say("machine.system"), _join_parts(machine.get("os"))
    yield say("machine.container"), _join_parts(machine.get("container"))
    yield say("machine.python"), _join_parts(machine.get("python"))
    yield say("machine.libraries"), _join_pairs(machine.get("software"), "{} {}")
    yield say("machine.idle_power"), _join_pairs(_idle(machine), "{} {}")
    yield say("machine.energy_by"), "; ".join(_sources(machine))


def _join_parts(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _cores(cpu: Plain) -> str:
    physical, logical = cpu.get("physical_cores"), cpu.get("logical_cores")
    if not physical:
        return say("machine.logical_cores", count=logical) if logical else ""
    cores = say("machine.cores", count=physical)
    if logical in (None, physical):
        return cores
    return f"{cores}, {say('machine.threads', count=logical)}"


def _join_pairs(table: Plain | None, form: str) -> str:
    return ", ".join(form.format(key, value) for key, value in (table or {}).items() if value)


def _idle(machine: Plain) -> dict[str, str]:
    watts = ((machine.get("energy") or {}).get("idle") or {}).get("power_w") or {}
    return {_device(name): quantity(value, "W") for name, value in watts.items() if value}


def _sources(machine: Plain) -> Iterator[str]:
    energy = machine.get("energy") or {}
    gpus = [(f"gpu{place}", gpu) for place, gpu in enumerate(energy.get("gpus") or [])]
    for name, source in (("cpu", energy.get("cpu")), *gpus, ("ram", energy.get("ram"))):
        if source:
            method = f" ({source['method']})" if source.get("method") else ""
            yield f"{_device(name)}: {translate(source.get('kind'))}{method}"


def _device(name: str) -> str:
    return say("machine.of_memory") if name == "ram" else name.upper()
