"""Who reads a file whose checksum is kept looks at it: a byte changes, file by file.

A check that has no case here fails a test of its own, and so does a case without a check.
"""

import ast
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from figures_factory import make_figures
from record_factory import make_cell
from study_factory import AXES, NO_PAIRS, MadeStudy
from study_files import Files

from vlmeter.cell.answer_shard import find_borders
from vlmeter.cell.ending import Ending
from vlmeter.cell.gather_shards import GatheredOutputs, gather_shards
from vlmeter.cell.job import CellInputs, Shard
from vlmeter.cell.measurement import Measurement
from vlmeter.cell.shard import ShardManifest
from vlmeter.data.manifests import ImagesManifest
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.errors import UserError
from vlmeter.models.job import ModelSource
from vlmeter.models.manifest import ModelManifest, StoredFile, write_model_manifest
from vlmeter.reporting.collect_answers import collect_answers
from vlmeter.reporting.figures.inline_figure import inline_figure
from vlmeter.reporting.gallery import read_pictures
from vlmeter.results.aggregate import aggregate
from vlmeter.results.job import ScoreJob
from vlmeter.results.matching import match_cells
from vlmeter.results.outline import GalleryPlan
from vlmeter.results.score_predictions import score_predictions
from vlmeter.results.study_differences import compare_quality, count_changed_answers
from vlmeter.results.tables import read_differences, read_layers, read_parquet, read_summary
from vlmeter.results.verify import find_damages
from vlmeter.status import Status
from vlmeter.storage.files import file_sha256, file_xxh3, write_json
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.parquet import write_table
from vlmeter.storage.svg import write_svg

SOURCE = Path(__file__).parents[2] / "src/vlmeter"
CHECKS = {"check_whole": 1, "read_checked": 1, "check_files": 1, "check_tables": 2}
"""What compares a file with its checksum, and how many files it looks at."""
OK = Ending(Status.OK, None, None, 1)
CELL = make_cell("shown", "textvqa", AXES)


class Kept:
    """The files of a small study, each with its checksum where its reader looks for it."""

    def __init__(self, folder: Path) -> None:
        self.study = StudyFolder(folder)
        made = MadeStudy()
        made.records = {key: made.records[key] for key in list(made.records)[:2]}
        made.profiles = dict(list(made.profiles.items())[:1])
        self.files = made.write(folder)
        self.references = made.outline.references
        self.cell = self.files.records[0].parent
        for record in self.files.records:
            tables = {
                name: record.with_name(f"{name}.parquet") for name in ("predictions", "scores")
            }
            _seal(record, {name: file_sha256(table) for name, table in tables.items()})
        for record, table in zip(self.files.layer_records, self.files.layer_tables, strict=True):
            _seal(record, {"table": file_sha256(table)})
        self.aggregate(folder)
        self.collect(folder / "gallery")
        self.figure = folder / "figures/batch.svg"
        self.figure.parent.mkdir()
        write_svg(self.figure, '<svg xmlns="http://www.w3.org/2000/svg"/>\n')
        self.samples = self.files.manifests[0].with_suffix(".parquet")
        self.measurement = self.cell / "measurement.json"
        answers = {"predictions": file_sha256(self.cell / "predictions.parquet")}
        figures = make_figures(CELL, 0.1)
        answered = replace(figures.provenance, samples_sha256=file_sha256(self.samples))
        figures = replace(figures, provenance=answered)
        write_json(self.measurement, Measurement(OK, figures, answers).as_plain())

    def aggregate(self, into: Path) -> None:
        files, out = self.files, Files(into)
        outputs = out.summary, out.layers, out.differences, out.repeatability
        aggregate(files.records, files.layer_tables, files.layer_records, *outputs, NO_PAIRS)

    def collect(self, into: Path) -> None:
        plan = GalleryPlan(4, self.references)
        tables = self.files.summary, self.files.differences
        cells, answers = self.study.cells, into / "answers.json"
        collect_answers(plan, self.files.manifests, *tables, cells, answers)

    def score(self, into: Path) -> None:
        predictions = self.cell / "predictions.parquet"
        job = ScoreJob(CELL, "vqa", seed=0, resamples=1)
        score_predictions(self.measurement, predictions, self.samples, into / "record.json", job)

    def compare(self, other: Path) -> None:
        rows = read_summary(self.study.summary)
        pair = match_cells(rows, rows).pairs[0]
        for folders in ((self.study.root, other), (other, self.study.root)):
            compare_quality(pair, "wer", *folders)
            count_changed_answers(pair, *folders)

    def verify(self) -> None:
        for damage in find_damages(self.study):
            raise UserError(damage.words)


def _seal(path: Path, files: dict[str, str]) -> None:
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), "files": files})


class Divided:
    """The costs and the only shard of a divided cell."""

    def __init__(self, folder: Path) -> None:
        self.costs, self.shard = folder / "costs.json", folder / "1-of-1.json"
        self.timings, self.answers = folder / "timings.parquet", folder / "1-of-1.parquet"
        write_table(self.timings, [{"kind": "forward", "seconds": 0.1}], TIMINGS)
        write_table(self.answers, [{"id": "s0"}, {"id": "s1"}], PREDICTIONS)
        figures = make_figures(CELL, 0.1)
        figures = replace(figures, input=replace(figures.input, samples=2))
        timings = {"timings": file_sha256(self.timings)}
        write_json(self.costs, Measurement(OK, figures, timings).as_plain())
        only = Shard(1, 1)
        images, files = figures.provenance.images_sha256, {"1-of-1": file_sha256(self.answers)}
        manifest = ShardManifest(OK, only, *find_borders(2, 1, only), 2, images, files)
        write_json(self.shard, manifest.as_plain())

    def gather(self, into: Path) -> None:
        outputs = GatheredOutputs(into / "m.json", into / "p.parquet", into / "t.parquet")
        gather_shards(self.costs, [self.shard], outputs)


class Opened:
    """What a cell opens: a model, samples and images, of which none is loaded here."""

    def __init__(self, folder: Path) -> None:
        self.weights = folder / "models/tiny-fp32/model.safetensors"
        self.samples = folder / "data/photos/samples.parquet"
        self.images = folder / "data/photos/img28/images.parquet"
        for path in (self.weights, self.samples, self.images):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"content of {path.name}".encode())
        size, sha256 = self.weights.stat().st_size, file_sha256(self.weights)
        stored = {self.weights.name: StoredFile(size, sha256, file_xxh3(self.weights))}
        self.model = folder / "models/tiny-fp32.json"
        source = ModelSource(path="tiny", allow=[])
        manifest = ModelManifest("tiny", "fp32", source, "pretrained", files=stored)
        write_model_manifest(self.model, manifest)
        sums = file_sha256(self.samples), file_sha256(self.images)
        described = ImagesManifest("photos", 28, sums[0], 0, [], sums[1])
        write_json(self.images.with_suffix(".json"), asdict(described))

    def open(self) -> None:
        from job_factory import make_setup

        from vlmeter.cell.worker import open_cell

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(open_cell, "load_model", lambda *_, **__: None)
            feeder = SimpleNamespace(find_forms=lambda _: ({}, {}))
            # The tables are bytes that nobody reads after their checksums.
            patched.setattr(open_cell.StoredSamples, "__len__", lambda _: 0)
            patched.setattr(open_cell.StoredSamples, "read_sizes", lambda *_: [])
            patched.setattr(open_cell, "Feeder", lambda *_: feeder)
            inputs = CellInputs(images=self.images.with_suffix(".json"), model=self.model)
            open_cell.open_cell(make_setup(), inputs)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def copied(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study again, to be compared with."""
    return shutil.copytree(kept.study.root, tmp_path_factory.mktemp("copied") / "b")


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Divided:
    return Divided(tmp_path_factory.mktemp("divided"))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("opened"))


CASES = {
    "cell.gather_shards.gather_shards": [
        lambda it: (it.divided.timings, lambda: it.divided.gather(it.out)),
    ],
    "cell.gather_shards._check_parts": [
        lambda it: (it.divided.answers, lambda: it.divided.gather(it.out)),
    ],
    "cell.worker.open_cell.open_cell": [
        lambda it: (it.opened.weights, it.opened.open),
        lambda it: (it.opened.samples, it.opened.open),
        lambda it: (it.opened.images, it.opened.open),
    ],
    "data.preprocess_images.preprocess_images": [
        lambda it: (
            it.kept.samples,
            lambda: preprocess_images(
                it.kept.files.manifests[0], 28, it.out / "images.parquet", it.out / "images.json"
            ),
        ),
    ],
    "reporting.collect_answers._read_answers": [
        lambda it: (it.kept.cell / "predictions.parquet", lambda: it.kept.collect(it.out)),
        lambda it: (it.kept.cell / "scores.parquet", lambda: it.kept.collect(it.out)),
    ],
    "reporting.collect_answers._collect_dataset": [
        lambda it: (it.kept.samples, lambda: it.kept.collect(it.out)),
    ],
    "reporting.figures.inline_figure.inline_figure": [
        lambda it: (it.kept.figure, lambda: inline_figure(it.kept.figure, "a", "title")),
    ],
    "reporting.gallery.read_pictures": [
        lambda it: (
            min(it.kept.study.answers.parent.glob("*.jpg")),
            lambda: read_pictures(it.kept.study.answers),
        ),
    ],
    "results.aggregate.aggregate": [
        lambda it: (it.kept.cell / "predictions.parquet", lambda: it.kept.aggregate(it.out)),
        lambda it: (it.kept.cell / "scores.parquet", lambda: it.kept.aggregate(it.out)),
    ],
    "results.aggregate._read_profile": [
        lambda it: (it.kept.files.layer_tables[0], lambda: it.kept.aggregate(it.out)),
    ],
    "results.score_predictions._check_tables": [
        lambda it: (it.kept.cell / "predictions.parquet", lambda: it.kept.score(it.out)),
        lambda it: (it.kept.samples, lambda: it.kept.score(it.out)),
    ],
    "results.study_differences._check_table": [
        lambda it: (it.kept.cell / "predictions.parquet", lambda: it.kept.compare(it.copied)),
        lambda it: (it.kept.cell / "scores.parquet", lambda: it.kept.compare(it.copied)),
        lambda it: (
            it.copied / (it.kept.cell / "scores.parquet").relative_to(it.kept.study.root),
            lambda: it.kept.compare(it.copied),
        ),
    ],
    "results.tables._read": [
        lambda it: (it.kept.study.summary, lambda: read_summary(it.kept.study.summary)),
        lambda it: (it.kept.study.layers, lambda: read_layers(it.kept.study.layers)),
        lambda it: (it.kept.study.differences, lambda: read_differences(it.kept.study.differences)),
    ],
    "results.tables.read_parquet": [
        lambda it: (
            it.kept.study.summary_parquet,
            lambda: read_parquet(it.kept.study.summary_parquet),
        ),
    ],
    "results.verify.find_damages": [lambda it: (it.kept.figure, it.kept.verify)],
    "results.verify._check_files": [
        lambda it: (it.kept.cell / "predictions.parquet", it.kept.verify),
        lambda it: (it.kept.cell / "scores.parquet", it.kept.verify),
        lambda it: (it.kept.files.layer_tables[0], it.kept.verify),
        lambda it: (it.kept.samples, it.kept.verify),
        lambda it: (it.kept.study.summary, it.kept.verify),
        lambda it: (it.kept.study.summary_parquet, it.kept.verify),
        lambda it: (it.kept.study.layers, it.kept.verify),
        lambda it: (it.kept.study.differences, it.kept.verify),
        lambda it: (min(it.kept.study.answers.parent.glob("*.jpg")), it.kept.verify),
    ],
}
"""By the function that checks: a file that it looks at, and what makes it look."""


def list_checks() -> Counter[str]:
    """Return how many files each function of the package compares with a checksum."""
    checks: Counter[str] = Counter()
    for path in SOURCE.rglob("*.py"):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        text = path.read_text()
        if not any(f"{name}(" in text for name in CHECKS):
            continue
        for function in ast.walk(ast.parse(text)):
            if not isinstance(function, ast.FunctionDef) or function.name in CHECKS:
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    checks[f"{module}.{function.name}"] += CHECKS.get(call.func.id, 0)
    return +checks


def test_every_check_has_its_cases() -> None:
    checks = list_checks()
    assert set(checks) == set(CASES)
    for function, count in checks.items():
        assert len(CASES[function]) >= count, function


REMADE_BY = {
    "timings.parquet": "costs.json",
    "1-of-1.parquet": "1-of-1.json",
    "model.safetensors": "../tiny-fp32.json",
    "samples.parquet": "samples.json",
    "images.parquet": "images.json",
    "textvqa-0.jpg": "answers.json",
}
"""What Snakemake makes again together with a file, where the file itself is no output of a rule."""


@contextmanager
def change_a_byte(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    middle = len(before) // 2
    path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
    yield
    path.write_bytes(before)


@pytest.mark.parametrize(
    ("function", "place"),
    [(function, place) for function, cases in CASES.items() for place in range(len(cases))],
)
def test_a_changed_byte_is_noticed_by_who_reads_the_file(
    function: str, place: int, kept, copied, divided, opened, tmp_path: Path
) -> None:
    it = SimpleNamespace(kept=kept, copied=copied, divided=divided, opened=opened, out=tmp_path)
    path, read = CASES[function][place](it)
    read()
    with change_a_byte(path), pytest.raises(UserError) as raised:
        read()
    message = str(raised.value)
    assert message.startswith(f"{path} is damaged: its checksum")
    remade = os.path.normpath(path.parent / REMADE_BY.get(path.name, path.name))
    assert message.endswith(f"; delete {remade} and run again.")
