"""The files of a made-up study, and the tables that lie beside its records."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import stored_data
from PIL import Image


@dataclass
class Files:
    """The paths of a study's files."""

    folder: Path
    records: list[Path] = field(default_factory=list)
    layer_tables: list[Path] = field(default_factory=list)
    layer_records: list[Path] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)

    @property
    def answers(self) -> Path:
        return self.folder / "gallery" / "answers.json"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.csv"

    @property
    def layers(self) -> Path:
        return self.folder / "layers.csv"

    @property
    def differences(self) -> Path:
        return self.folder / "differences.csv"

    @property
    def repeatability(self) -> Path:
        return self.folder / "repeatability.json"

    @property
    def machine(self) -> Path:
        return self.folder / "machine.json"

    def figure(self, name: str) -> Path:
        return self.folder / "figures" / f"{name}.svg"


def write_samples(folder: Path, words: str) -> Path:
    """Write four samples with their manifest; the last has no picture that can be decoded."""
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(picture, format="PNG")
    rows = [
        {
            "id": f"q{place}{words}",
            "image": b"no picture" if place == 3 else picture.getvalue(),
            "question": f"What is on sample {place}?{words}",
            "references": [f"r{place}{words}", "r", "r"],
        }
        for place in range(4)
    ]
    return stored_data.write_samples(folder / "samples.parquet", rows)


def write_answers(folder: Path, record: dict[str, Any], *, odd: bool, words: str = "") -> None:
    """Write four samples' scores, which average to the record's figures, and their answers."""
    quality = record["quality"] or {"metrics": []}
    metrics = [metric for metric in quality["metrics"] if metric["value"] is not None]
    ids = [f"q{place}{words}" for place in range(4)] if metrics else []
    scores: dict[str, Any] = {"id": pa.array(ids, pa.string())}
    for metric in metrics:
        spread = (0.9, 1.0, 1.1, 1.0)
        values = [metric["value"] * share for share in spread]
        scores[metric["name"]] = pa.array(values, pa.float64())
        scores[f"{metric['name']}_weight"] = pa.array([1.0] * len(ids), pa.float64())
    pq.write_table(pa.table(scores), folder / "scores.parquet")
    answers = [f"{answer}{words}" for answer in ("a", "b", "c", "another" if odd else "d")][
        : len(ids)
    ]
    prompts = [f"What is on sample {place}?{words}" for place in range(len(ids))]
    columns = {
        name: pa.array(texts, pa.string())
        for name, texts in (("id", ids), ("prediction", answers), ("prompt", prompts))
    }
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
