"""Chooses what of a finished study goes into its archive: by default no images and no weights.

Without images the samples keep their texts and references, by which answers are scored again; the
pages stand as they are but for the pictures.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vlmeter.config.load import load_config
from vlmeter.data.manifests import read_samples_manifest
from vlmeter.data.samples import SAMPLES
from vlmeter.errors import UserError
from vlmeter.models.manifest import read_model_manifest
from vlmeter.results.verify import find_damages
from vlmeter.storage.archive import read_left_out, write_archive
from vlmeter.storage.files import (
    file_sha256,
    format_json,
    read_json,
    text_sha256,
    write_placed_json,
)
from vlmeter.storage.layout import ATTEMPT_KINDS, CONFIG, RESULTS, DatasetFolder, StudyFolder
from vlmeter.storage.parquet import stream_table, write_table
from vlmeter.study.gates import list_baseline_files
from vlmeter.study.outputs import list_outputs, was_finished
from vlmeter.study.study import Study

_PICTURE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*")
_NO_PICTURE = "data:,"
"""An empty address: the page shows the picture's words in its place."""


def export_archive(
    root: Path, target: Path, *, with_images: bool = False, with_weights: bool = False
) -> dict[str, list[str]]:
    """Write the archive of a finished study.

    Args:
        root: The study's results.
        target: The file to write.
        with_images: Put the samples' images and their pictures into it.
        with_weights: Put the stored models into it.

    Returns:
        The files that it does not hold, by kind.

    Raises:
        UserError: the study is not finished, or a file of it is damaged or missing.
    """
    study = _read_finished(root)
    folder, earlier = study.folder, read_left_out(study.folder)
    asked = {"images": with_images, "weights": with_weights}
    files = {"images": set(_list_images(study)), "weights": set(_list_weights(study))}
    left_out = {
        kind: sorted({*earlier.get(kind, ()), *_name(folder, () if asked[kind] else paths)})
        for kind, paths in files.items()
    }
    absent = {root / name for names in left_out.values() for name in names}
    kept = {*_list_files(study), *_list_notes(study, asked), *files["images"], *files["weights"]}
    sources: dict[Path, Path | bytes] = {path: path for path in kept - absent}
    with TemporaryDirectory() as aside:
        if not with_images:
            for name in study.used_datasets:
                sources |= _strip_samples(folder.dataset(name), Path(aside) / "data" / name)
            sources |= _strip_pages(folder, list(sources))
        names = _name(folder, sources)
        results = (str(RESULTS / study.name / name) for name in names)
        members = dict(zip(results, sources.values(), strict=True))
        members |= {name: Path(name) for name in _list_beside(study)}
        write_archive(target, study.name, {str(CONFIG): folder.config, **members}, left_out)
    return {kind: paths for kind, paths in left_out.items() if paths}


def _name(folder: StudyFolder, paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(folder.root)) for path in paths]


def _read_finished(root: Path) -> Study:
    folder = StudyFolder(root)
    if not folder.config.exists():
        raise UserError(
            f"{folder.config} is missing: say the folder of a study's results; for one of an "
            "earlier VLMeter, or of a module without `onstart`, copy its config file there."
        )
    study = Study(load_config(folder.config), folder)
    if not was_finished(study) or not folder.check.exists():
        raise UserError(f"{root} is not finished: run the study to its end first.")
    damages = list(find_damages(folder, list_outputs(study)))
    if damages:
        raise UserError("\n".join(["Nothing was exported:", *(each.words for each in damages)]))
    return study


def _list_files(study: Study) -> Iterator[Path]:
    """Yield all files but those of one kind; `list_outputs` knows those of each job."""
    yield from list_outputs(study)
    for name in study.used_datasets:
        pin = study.folder.dataset(name).manifest.with_name("revision.json")
        if pin.exists():
            yield pin


def _list_notes(study: Study, asked: Mapping[str, bool]) -> Iterator[Path]:
    """Yield what jobs were done for, without those whose outputs are left out."""
    kinds: list[str] = list(ATTEMPT_KINDS)
    kinds += ["samples", "images"] if asked["images"] else []
    kinds += ["models"] if asked["weights"] else []
    for kind in kinds:
        yield from (study.folder.attempts / kind).rglob("*.json")


def _list_images(study: Study) -> Iterator[Path]:
    """Yield what holds pictures alone; those of `samples.parquet` lie beside texts."""
    for name in study.used_datasets:
        yield from study.folder.dataset(name).root.glob("img*/images.parquet")
    yield from study.folder.answers.parent.glob("*.jpg")


def _list_weights(study: Study) -> Iterator[Path]:
    for model, dtype in study.stored_models:
        manifest = study.folder.model_manifest(model, dtype)
        if manifest.exists():
            for name in read_model_manifest(manifest).files:
                yield manifest.with_suffix("") / name


def _strip_samples(dataset: DatasetFolder, aside: Path) -> dict[Path, Path | bytes]:
    """Return a data set's samples without images, and their manifest, which says so.

    It has no key of what it was made for: where the study is measured anew, they are read anew.
    """
    stripped = DatasetFolder(aside)
    rows = ({**row, "image": None} for row in stream_table(dataset.samples, SAMPLES.names))
    write_table(stripped.samples, rows, SAMPLES)
    manifest = read_samples_manifest(dataset.manifest)
    described = replace(manifest, without_images_sha256=file_sha256(stripped.samples))
    write_placed_json(stripped.manifest, asdict(described))
    return {dataset.samples: stripped.samples, dataset.manifest: stripped.manifest}


def _strip_pages(folder: StudyFolder, paths: Iterable[Path]) -> dict[Path, Path | bytes]:
    """Return the pages without the pictures of samples, and their checksums."""
    pages = {path: path.read_text("utf-8") for path in paths if path.suffix == ".html"}
    stripped = {path: _PICTURE.sub(_NO_PICTURE, text) for path, text in pages.items()}
    content = read_json(folder.report_checksums)
    files = content["files"]
    assert isinstance(files, dict), "`find_damages` read it"
    new = {path.name: text_sha256(text) for path, text in stripped.items()}
    checksums = format_json({**content, "files": {**files, **new}})
    encoded = {path: text.encode() for path, text in stripped.items()}
    return {**encoded, folder.report_checksums: checksums.encode()}


def _list_beside(study: Study) -> Iterator[str]:
    """Yield the files that the config names by a path below the working directory."""
    name = study.config.report.published
    own = Path(f"report/published/{name}.yaml")
    if name and own.exists():
        yield str(own)
    for baseline in list_baseline_files(study):
        path = Path(baseline)
        if path.exists() and not path.is_absolute() and ".." not in path.parts:
            yield str(path)
