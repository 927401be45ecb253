"""Archives of studies, right ones and such as nobody should import."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from vlmeter.storage.archive import FORMAT, ArchiveManifest, Member
from vlmeter.storage.files import format_json, text_sha256
from vlmeter.storage.places import ARCHIVE

CONFIG_TEXT = """
study: small
models: {tiny: {source: {path: demo/model}}}
datasets:
  signs:
    task: vqa
    source: {path: demo/data/textvqa.parquet}
    columns: {image: image, question: question, references: answers}
base: {model: tiny, prompt: family, device: cpu}
sections:
  - {name: batch, datasets: [signs], vary: {batch_size: [1, 2]}}
"""
FILES = {
    "config/config.yaml": CONFIG_TEXT,
    "kept/summary.csv": "cell\n",
    "results/small/summary.csv": "cell,latency\n" + "a,1\n" * 100,
    "results/small/cells/signs/a/record.json": "{}",
}
"""By path below the folder that an archive becomes."""


def make_manifest(files: Mapping[str, str]) -> dict[str, object]:
    """The manifest that is right for these files."""
    contents = {name: Member(len(text.encode()), text_sha256(text)) for name, text in files.items()}
    left_out = {"images": ["data/signs/img224/images.parquet"]}
    return asdict(ArchiveManifest(FORMAT, "small", "1.0", contents, left_out))


def write_by_hand(
    path: Path, files: Mapping[str, str], manifest: Mapping[str, object] | None = None
) -> Path:
    """Write an archive with a manifest that agrees with it, unless another is given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
        archive.writestr(ARCHIVE, format_json(manifest or make_manifest(files)))
    return path


def read_manifest(path: Path) -> dict[str, object]:
    """The manifest in an archive."""
    with zipfile.ZipFile(path) as archive:
        value: dict[str, object] = json.loads(archive.read(ARCHIVE))
    return value
