"""One data set's sample, from its source to `samples.parquet` and a manifest."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from vlmeter.data.imagefiles import ImageFiles
from vlmeter.data.rowgroups import Files, Row
from vlmeter.data.samples import SAMPLES
from vlmeter.data.source import draw_sample, open_source, read_draw
from vlmeter.data.synthetic import synthetic_rows
from vlmeter.data.tables import count_rows, write_table
from vlmeter.data.texttables import holds_text_alone
from vlmeter.errors import UserError
from vlmeter.files import file_sha256, read_json, write_json
from vlmeter.hub.patience import USUAL, Patience

_LETTERS = 26
_LOG = logging.getLogger(__name__)


def download_dataset(
    params: Mapping[str, Any], samples: str, manifest: str, patience: Patience = USUAL
) -> None:
    """Write the sample of one data set.

    Args:
        params: What `Study.dataset_params` tells of the data set.
        samples: Path of `samples.parquet` to write.
        manifest: Path of its manifest to write, after it.
        patience: How long the Hub is waited for.

    Raises:
        UserError: the source cannot be read, lacks a column, or no sample is usable.
    """
    columns = {key: name for key, name in params["columns"].items() if name is not None}
    names = sorted(set(columns.values()))
    drawn = _drawn(params, names, Path(manifest), patience)
    bad: list[dict[str, str]] = []
    write_table(Path(samples), _usable(params, drawn, columns, bad), SAMPLES)
    write_json(Path(manifest), _manifest(params, drawn, bad, Path(samples)))


def _usable(
    params: Mapping[str, Any],
    drawn: "_Drawn",
    columns: Mapping[str, str],
    bad: list[dict[str, str]],
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `samples.parquet`; what cannot be used goes to `bad`.

    Raises:
        UserError: no sample is usable, or two have one id.
    """
    dataset = params["dataset"]
    files = _image_files(params["source"])
    names: set[str] = set()
    for raw in tqdm(drawn.rows, total=drawn.length, desc=dataset, unit="sample"):
        try:
            row = _adapted(raw, columns, params["task"], files)
        except _UnusableError as error:
            name = _id(raw, columns)
            _LOG.warning("%s: sample %s %s; it is left out", dataset, name, error)
            bad.append({"id": name, "reason": str(error)})
            continue
        if row["id"] in names:
            raise UserError(
                f'data set {dataset}: the id "{row["id"]}" stands more than once; '
                f"give datasets.{dataset}.columns.id a unique column or leave it out."
            )
        names.add(row["id"])
        yield row
    if not names:
        first = f"; the first: sample {bad[0]['id']} {bad[0]['reason']}" if bad else ""
        raise UserError(f"data set {dataset}: none of its {len(bad)} samples is usable{first}.")


class _Drawn(NamedTuple):
    """The rows of a sample, still to be read."""

    rows: Iterator[Row]
    length: int
    revision: str | None = None
    """The source's commit."""
    licence: str | None = None
    """As the source itself tells it."""


def _drawn(
    params: Mapping[str, Any], columns: list[str], manifest: Path, patience: Patience
) -> _Drawn:
    source, sample = params["source"], params["sample"]
    if source.get("synthetic") is not None:
        rows = synthetic_rows(source["synthetic"], sample["n"], sample["seed"])
        return _Drawn(rows, sample["n"])
    pin = manifest.with_name("revision.json")
    files = open_source(source, _pinned(pin, source), patience)
    _keep_pin(pin, source, files)
    draw = draw_sample(files, columns, sample["n"], sample["seed"])
    read = read_draw(files, columns, draw)
    return _Drawn(read, len(draw.picked), files.revision, files.licence)


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


class _UnusableError(ValueError):
    """A sample cannot be used; its words follow the sample's id."""


def _image_files(source: Mapping[str, Any]) -> ImageFiles:
    """Return the files that an image column may name: a folder's own."""
    path = source.get("path")
    return ImageFiles(Path(path) if path is not None and Path(path).is_dir() else None)


def _id(row: Row, columns: Mapping[str, str]) -> str:
    value = row.values[columns["id"]] if "id" in columns else None
    return f"row-{row.number}" if value is None or value == "" else str(value)


def _adapted(row: Row, columns: Mapping[str, str], task: str, files: ImageFiles) -> dict[str, Any]:
    """Bring a row of the source into the columns of `samples.parquet`.

    Raises:
        _UnusableError: it has no image, or no answer that a prediction could be compared with.
    """
    fields = {key: row.values[name] for key, name in columns.items()}
    if holds_text_alone(row.table):
        for key in {"choices", "references"} & fields.keys():
            fields[key] = _list_in_text(fields[key])
    picture = files.picture(fields["image"], row.table)
    if picture.data is None:
        raise _UnusableError(picture.problem)
    index = _whole_number(fields.get("answer_index"))
    listed = fields.get("choices")
    if listed and not isinstance(listed, list):
        raise _UnusableError(f"has one value as its choices, not a list: {str(listed)[:40]}")
    choices = ["" if choice is None else str(choice) for choice in listed or []]
    return {
        "id": _id(row, columns),
        "image": picture.data,
        "file": picture.file,
        "question": str(fields.get("question") or ""),
        "context": str(fields.get("context") or ""),
        "choices": choices,
        "answer_index": index,
        "references": _right_choice(choices, index)
        if task == "multiple_choice"
        else _filled_texts(fields.get("references")),
    }


def _list_in_text(text: str) -> str | list[str]:
    """Return what a cell of a CSV holds: one text, or a list of them in JSON.

    Raises:
        _UnusableError: it stands in brackets but is no such list. Taken for one text, a list in
            another notation would be a reference that no answer equals.
    """
    if not (text.strip().startswith("[") and text.strip().endswith("]")):
        return text
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _UnusableError(
            f'has a cell {text.strip()[:40]} that is no JSON list of texts, such as ["a", "b"]'
        )
    return values


def _right_choice(choices: list[str], index: int | None) -> list[str]:
    if index is None or not 0 <= index < len(choices):
        raise _UnusableError(f"answer index {index} is not among its {len(choices)} choices")
    if len(choices) > _LETTERS:
        raise _UnusableError(f"has {len(choices)} choices, and there are {_LETTERS} letters")
    if not choices[index].strip():
        raise _UnusableError(f"has an empty text as its right choice {index}")
    return [choices[index]]


def _whole_number(value: Any) -> int | None:  # noqa: ANN401 - whatever the column holds
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _filled_texts(value: Any) -> list[str]:  # noqa: ANN401 - a text, a number, a list, or null
    values = value if isinstance(value, list) else [value]
    texts = [str(text) for text in values if text is not None and str(text).strip()]
    if not texts:
        raise _UnusableError("has no reference: every expected text is empty")
    return texts


def _manifest(
    params: Mapping[str, Any],
    drawn: _Drawn,
    bad: list[dict[str, str]],
    samples: Path,
) -> dict[str, Any]:
    return {
        "dataset": params["dataset"],
        "task": params["task"],
        "source": dict(params["source"]),
        "revision": drawn.revision,
        "licence": drawn.licence,
        "content": params.get("content"),
        "sample": dict(params["sample"]),
        "n": count_rows(samples),
        "bad_samples": bad,
        "sha256": file_sha256(samples),
    }
