"""One data set's sample, from its source to `samples.parquet` and a manifest."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vlmeter.data.samples import SAMPLES, write_table
from vlmeter.data.source import Files, Row, draw_sample, open_source, read_draw
from vlmeter.data.synthetic import synthetic_rows
from vlmeter.errors import UserError
from vlmeter.files import file_sha256, read_json, write_json

_LOG = logging.getLogger(__name__)


def download_dataset(params: Mapping[str, Any], samples: str, manifest: str) -> None:
    """Write the sample of one data set.

    Args:
        params: What `Study.dataset_params` tells of the data set.
        samples: Path of `samples.parquet` to write.
        manifest: Path of its manifest to write, after it.

    Raises:
        UserError: the source cannot be read, lacks a column, or no sample is usable.
    """
    columns = {key: name for key, name in params["columns"].items() if name is not None}
    revision, count, drawn = _drawn(params, sorted(set(columns.values())), Path(manifest))
    rows, bad = [], []
    for number, raw in tqdm(drawn, total=count, desc=params["dataset"], unit="sample"):
        row = _adapted(number, raw, columns, params["task"])
        reason = _unusable(row, params["task"])
        if reason is None:
            rows.append(row)
        else:
            bad.append({"id": row["id"], "reason": reason})
    _check(params["dataset"], rows, bad)
    write_table(Path(samples), rows, SAMPLES)
    write_json(Path(manifest), _manifest(params, revision, rows, bad, Path(samples)))


def _drawn(
    params: Mapping[str, Any], columns: list[str], manifest: Path
) -> tuple[str | None, int, Iterator[Row]]:
    """Return the source's commit, how many rows are drawn, and the rows."""
    source, sample = params["source"], params["sample"]
    if source.get("synthetic") is not None:
        return None, sample["n"], synthetic_rows(source["synthetic"], sample["n"], sample["seed"])
    pin = manifest.with_name("revision.json")
    files = open_source(source, _pinned(pin, source))
    _keep_pin(pin, source, files)
    draw = draw_sample(files, columns, sample["n"], sample["seed"])
    return files.revision, len(draw.picked), read_draw(files, columns, draw)


def _pinned(pin: Path, source: Mapping[str, Any]) -> str | None:
    """Return the commit that an earlier download of the same source resolved."""
    if not pin.exists():
        return None
    kept = read_json(pin)
    return str(kept["revision"]) if kept.get("source") == dict(source) else None


def _keep_pin(pin: Path, source: Mapping[str, Any], files: Files) -> None:
    if files.revision is None or source.get("revision"):
        return
    _LOG.warning(
        "%s names no revision: resolved to %s, kept in %s and used from now on",
        source["hub"],
        files.revision,
        pin,
    )
    write_json(pin, {"source": dict(source), "revision": files.revision})


def _adapted(
    number: int, raw: Mapping[str, Any], columns: Mapping[str, str], task: str
) -> dict[str, Any]:
    """Bring a row of the source into the columns of `samples.parquet`."""
    fields = {key: raw[name] for key, name in columns.items()}
    index = _whole_number(fields.get("answer_index"))
    listed = fields.get("choices")
    # A text is a sequence too: of letters, which are no choices.
    listed = listed if isinstance(listed, list) else []
    choices = ["" if choice is None else str(choice) for choice in listed]
    if task == "multiple_choice":
        right = index is not None and 0 <= index < len(choices)
        references = _texts(choices[index]) if right else []  # type: ignore[index]
    else:
        references = _texts(fields.get("references"))
    return {
        "id": f"row-{number}" if fields.get("id") is None else str(fields["id"]),
        "image": _encoded(fields["image"]),
        "question": str(fields.get("question") or ""),
        "context": str(fields.get("context") or ""),
        "choices": choices,
        "answer_index": index,
        "references": references,
    }


def _whole_number(value: Any) -> int | None:  # noqa: ANN401 - whatever the column holds
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - a string, a list of them, or null
    values = [value] if isinstance(value, str) else list(value or [])
    return [str(text) for text in values if text is not None and str(text).strip()]


def _encoded(value: Any) -> bytes | None:  # noqa: ANN401 - the Hub's struct, bytes, or null
    """Return the encoded image: the Hub's Image feature is a struct of bytes and path."""
    if isinstance(value, Mapping):
        value = value.get("bytes")
    return value if isinstance(value, bytes) and value else None


def _unusable(row: Mapping[str, Any], task: str) -> str | None:
    if row["image"] is None:
        return "has no image"
    if row["references"]:
        return None
    if task != "multiple_choice":
        return "has no reference: every expected text is empty"
    index, count = row["answer_index"], len(row["choices"])
    if index is not None and 0 <= index < count:
        return f"has an empty text as its right choice {index}"
    return f"answer index {index} is not among its {count} choices"


def _check(dataset: str, rows: list[dict[str, Any]], bad: list[dict[str, Any]]) -> None:
    for entry in bad:
        _LOG.warning("%s: sample %s %s; it is left out", dataset, entry["id"], entry["reason"])
    if not rows:
        first = f"; the first: sample {bad[0]['id']} {bad[0]['reason']}" if bad else ""
        raise UserError(f"data set {dataset}: none of its {len(bad)} samples is usable{first}.")
    ids = [row["id"] for row in rows]
    twice = (
        sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
    )
    if twice:
        raise UserError(
            f'data set {dataset}: the id "{twice[0]}" stands more than once; '
            f"give datasets.{dataset}.columns.id a unique column or leave it out."
        )


def _manifest(
    params: Mapping[str, Any],
    revision: str | None,
    rows: list[dict[str, Any]],
    bad: list[dict[str, Any]],
    samples: Path,
) -> dict[str, Any]:
    hashes = {row["id"]: hashlib.sha256(row["image"]).hexdigest()[:16] for row in rows}
    return {
        "dataset": params["dataset"],
        "task": params["task"],
        "source": dict(params["source"]),
        "revision": revision,
        "content": params.get("content"),
        "sample": dict(params["sample"]),
        "n": len(rows),
        "bad_samples": bad,
        "image_sha256": hashes,
        "sha256": file_sha256(samples),
    }
