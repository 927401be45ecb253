"""A row of the summary from a record: what it holds, and what follows from it."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlmeter.errors import UserError
from vlmeter.results.columns import Column
from vlmeter.results.differences import task_metric
from vlmeter.results.summary_columns import SUMMARY_COLUMNS
from vlmeter.status import Status

Plain = Mapping[str, Any]


def build_summary_row(record: Plain, path: Path) -> dict[str, object]:
    """Return a record's row of the summary, its columns as in `SUMMARY_COLUMNS`.

    Args:
        record: As `score_predictions` wrote it.
        path: Its file, to be named.

    Raises:
        UserError: it is no record, or holds what a column does not take.
    """
    cell = get_block(record, "cell")
    missing = [key for key in ("id", "dataset") if not isinstance(cell.get(key), str)]
    if missing or record.get("status") not in set(Status):
        what = f"cell.{missing[0]}" if missing else f"a known status ({record.get('status')!r})"
        raise UserError(f"{path} is no record: it lacks {what}. Delete it and run again.")
    row = {column.name: _taken(record, column, path) for column in SUMMARY_COLUMNS if column.path}
    return row | _derived(record, path)


def get_block(record: Plain, name: str) -> Plain:
    """Return a block of a record; one that is null or absent is empty."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _taken(record: Plain, column: Column, path: Path) -> object:
    value: object = record
    for key in column.path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return None
    try:
        return _CHECKED[column.kind](value)
    except (TypeError, ValueError):
        raise UserError(
            f"{path}: {column.path} is {value!r}, not a {column.kind}: delete it and run again."
        ) from None


def _derived(record: Plain, path: Path) -> dict[str, object]:
    """Return the columns that stand nowhere in a record as they are."""
    row: dict[str, object] = {}
    try:
        for derive in (_quality, _input, _energy, _memory, _details, _gpus):
            row |= derive(record)
        for column in SUMMARY_COLUMNS:
            if not column.path and row[column.name] is not None:
                row[column.name] = _CHECKED[column.kind](row[column.name])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is no record ({type(error).__name__}: {error}): delete it and run again."
        ) from None
    return row


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def _integer(value: object) -> int:
    if not _number(value).is_integer():
        raise ValueError(value)
    return int(value)  # type: ignore[call-overload, no-any-return]


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


_CHECKED: dict[str, Callable[[object], object]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "flag": _flag,
}


def _quality(record: Plain) -> dict[str, object]:
    """Derive the quality columns: the interval of WER, and the task's own metric."""
    quality = get_block(record, "quality")
    metrics = {metric["name"]: metric for metric in quality.get("metrics") or []}
    wer = metrics.get("wer", {})
    task = task_metric(record) or {}
    bad = _bad_samples(record)
    return {
        "wer_low": wer.get("low"),
        "wer_high": wer.get("high"),
        "wer_note": wer.get("note"),
        "task_metric": task.get("name"),
        "task_metric_label": task.get("label"),
        "task_value": task.get("value"),
        "task_low": task.get("low"),
        "task_high": task.get("high"),
        "task_note": task.get("note"),
        "task_higher_is_better": task.get("higher_is_better"),
        "unparsed_rate": metrics.get("unparsed_rate", {}).get("value"),
        "bad_samples": None if bad is None else len(bad),
        "bad_sample_reasons": "; ".join(f"{name}: {why}" for name, why in (bad or {}).items())
        or None,
    }


def _bad_samples(record: Plain) -> dict[str, str] | None:
    """Return why samples were not scored, by id: what is wrong with them comes before its effect.

    A sample whose image cannot be decoded has no prediction; the reason is the image.
    """
    if record.get("quality") is None:
        return None
    bad: dict[str, str] = {}
    for block in ("input", "quality"):
        for sample in get_block(record, block).get("bad_samples") or []:
            bad.setdefault(str(sample["id"]), str(sample["reason"]))
    return bad


def _input(record: Plain) -> dict[str, object]:
    shape = get_block(record, "input").get("pixel_shape")
    templates = get_block(record, "input").get("prompt_templates")
    return {
        "pixel_shape": "x".join(map(str, shape)) if shape else None,
        "prompt_template": _text(list(templates)) if templates else None,
        "decoding": _decoding(get_block(record, "decoding")),
    }


def _decoding(told: Plain) -> str | None:
    """Say how answers were decoded, leaving out what is as usual."""
    if not told:
        return None
    words = [str(told["method"]), f"at most {told['max_new_tokens']} new tokens"]
    if told["num_beams"] > 1:
        words[0] += f" of {told['num_beams']} beams, length penalty {told['length_penalty']:g}"
    if told["min_new_tokens"]:
        words.append(f"at least {told['min_new_tokens']}")
    if told["repetition_penalty"] != 1:
        words.append(f"repetition penalty {told['repetition_penalty']:g}")
    ends = ", ".join(map(str, told["eos_token_ids"])) or "none"
    words += [f"end of answer: token {ends}", f"padding on the {told['padding_side']}"]
    return "; ".join(words)


def _energy(record: Plain) -> dict[str, object]:
    """Derive the components per sample, with the GPUs added up; records hold whole windows."""
    detail = get_block(record, "energy_detail")
    samples = detail.get("samples")
    row: dict[str, object] = {}
    for device in ("cpu", "gpu", "ram"):
        parts = [
            part
            for part in detail.get("components") or []
            if part["device"].rstrip("0123456789") == device
        ]
        energy_j = _sum(part.get("energy_j") for part in parts)
        row[f"energy_{device}_j"] = energy_j / samples if energy_j is not None and samples else None
        row[f"power_{device}_w"] = _sum(part.get("power_w") for part in parts)
        for key in ("kind", "method"):
            told = dict.fromkeys(part[key] for part in parts if part.get(key))
            row[f"energy_{device}_{key}"] = " and ".join(told) or None
    return row


def _sum(values: Any) -> float | None:  # noqa: ANN401 - numbers and Nones
    given = list(values)
    return None if not given or None in given else float(sum(given))


def _memory(record: Plain) -> dict[str, object]:
    """Derive the peak that decides whether a cell fits: of the GPU's tensors, or of the process."""
    on_gpu = get_block(record, "cell").get("device") == "cuda"
    peak = "peak_allocated_bytes" if on_gpu else "peak_rss_bytes"
    return {"peak_memory_bytes": get_block(record, "memory").get(peak)}


def _details(record: Plain) -> dict[str, object]:
    model = get_block(record, "model")
    kernels = {**(model.get("kernels") or {}), "decode": model.get("decode_kernels")}
    return {
        "flops_uncounted": _pairs(get_block(record, "flops_detail").get("uncounted")),
        "model_attention": _pairs(model.get("attention")),
        "model_kernels": _pairs({stage: " + ".join(ran) for stage, ran in kernels.items() if ran}),
        "model_not_as_asked": "; ".join(model.get("not_as_asked") or ()) or None,
        "model_dtypes": _pairs(model.get("dtype_by_stage")),
    }


def _gpus(record: Plain) -> dict[str, object]:
    gpus = get_block(record, "provenance").get("gpus") or []
    names = Counter(str(gpu["name"]) for gpu in gpus)
    drivers = dict.fromkeys(str(gpu["driver"]) for gpu in gpus if gpu.get("driver"))
    told = [f"{count} x {name}" if count > 1 else name for name, count in names.items()]
    return {
        "machine_gpus": ", ".join(told) or None,
        "machine_driver": ", ".join(drivers) or None,
        **_gpu_conditions(get_block(record, "conditions").get("gpus") or []),
    }


def _gpu_conditions(gpus: Sequence[Plain]) -> dict[str, object]:
    """Derive what the GPUs were like at work: of several, the slowest and the hottest."""

    def given(key: str) -> list[float]:
        return [gpu[key] for gpu in gpus if gpu.get(key) is not None]

    reasons = {reason for gpu in gpus for reason in gpu.get("throttle_reasons") or ()}
    return {
        "gpu_clock_mhz": min(given("sm_clock_mhz"), default=None),
        "gpu_memory_clock_mhz": min(given("memory_clock_mhz"), default=None),
        "gpu_temperature_c": max(given("temperature_c"), default=None),
        "gpu_power_limit_w": min(given("power_limit_w"), default=None),
        "gpu_throttle_reasons": "; ".join(sorted(reasons)) or None,
    }


def _pairs(table: Plain | None) -> str | None:
    return "; ".join(f"{key}: {value}" for key, value in (table or {}).items()) or None
