"""What each job of the workflow depends on, as the params that Snakemake compares.

A job runs again when its params differ from those of its last run. So each holds exactly what
the job depends on: its part of the config, a digest of the modules that do its work, and the
versions of the libraries that decide its figures.
"""

from dataclasses import asdict, replace
from pathlib import Path

from vlmeter.cell import attempts
from vlmeter.cell.job import CellJob, Job, JobAttempt, LayersJob, Shard, ShardJob
from vlmeter.errors import UserError
from vlmeter.machine import devices
from vlmeter.machine.job import MachineJob, PeakSetting
from vlmeter.models.packages import OPTIONAL
from vlmeter.provenance import software_versions
from vlmeter.results.cell import RecordCell
from vlmeter.results.job import ScoreJob
from vlmeter.status import Status
from vlmeter.storage.files import read_json
from vlmeter.storage.job_keys import JobKey, compute_job_key
from vlmeter.storage.layout import ATTEMPT_KINDS, SOURCE_DIGESTS, AttemptKind
from vlmeter.study.gpus import Gpus
from vlmeter.study.script_digests import get_script_digest
from vlmeter.study.sources import SourceDigests
from vlmeter.study.study import Cell, Study

Params = dict[str, object]
"""The plain form of a job, which Snakemake compares and the job's script reads back."""

_MEASURING = (
    "torch",
    "torchao",
    "torchvision",
    "transformers",
    "tokenizers",
    "numpy",
    "pillow",
    "codecarbon",
    "fvcore",
)
_IMAGES = ("pillow", "pyarrow")
_SCORING = ("jiwer", "numpy")


class Jobs:
    """The jobs of one study on this machine, as they stand when the workflow is read."""

    def __init__(self, study: Study, *, elsewhere: bool = False) -> None:
        """Look at what the study's earlier runs left.

        Args:
            study: The study.
            elsewhere: The jobs run on other machines, whose devices cannot be known here.
        """
        self._study = study
        self._elsewhere = elsewhere
        self._notes = {
            kind: attempts.read_attempts(study.folder.attempts_of(kind)) for kind in ATTEMPT_KINDS
        }
        self._gpus = Gpus(study.folder.machine)
        self._sources = SourceDigests(SOURCE_DIGESTS)
        self._fingerprints: dict[tuple[str, bool], list[str]] = {}

    def count_shards(self, dataset: str) -> int:
        """Return how many jobs answer a cell of a data set."""
        return self._study.config.datasets[dataset].shards

    def build_machine(self) -> Params:
        """Return what `machine.json` depends on.

        A GPU that goes leaves it as it is; one that was never described makes it new, and so do
        another driver and the end of another's work on it. Those of other machines are described
        once.
        """
        measure = self._study.config.measure
        pairs = {(cell.axes.device, cell.axes.dtype) for cell in self._study.cells}
        job = MachineJob(
            energy=self._study.measure_settings.energy,
            idle_window_s=measure.energy.idle_window_s,
            cpu_threads=measure.cpu_threads,
            peaks=[PeakSetting(device, dtype) for device, dtype in sorted(pairs)],
            gpus=[] if self._elsewhere else self._gpus.list_described(),
            code=get_script_digest("describe_machine"),
            software=software_versions(_MEASURING),
        )
        return asdict(job)

    def build_dataset(self, dataset: str) -> Params:
        """Return what a data set's sample depends on."""
        job = self._study.dataset_job(dataset)
        content = None
        if job.source.path is not None:
            content = self._sources.digest_dataset(job) or _read_content(
                self._study.folder.dataset(dataset).manifest
            )
            self._sources.save()
        return asdict(replace(job, content=content, code=get_script_digest("download_dataset")))

    def build_dataset_key(self, dataset: str) -> JobKey:
        """Return what a data set's sample is made for."""
        note = self._study.folder.job_note("samples", dataset, "samples")
        return JobKey(compute_job_key(self.build_dataset(dataset)), str(note))

    def build_images(self, size: str) -> Params:
        """Return what images of one size, such as 224 or 224-native, depend on."""
        side, _, native = size.partition("-")
        return {
            "image_size": int(side),
            "keeps_aspect_ratio": bool(native),
            "code": get_script_digest("preprocess_images"),
            "software": software_versions(_IMAGES),
        }

    def build_images_key(self, dataset: str, size: str) -> JobKey:
        """Return what images of one size are made for."""
        note = self._study.folder.job_note("images", dataset, f"img{size}")
        return JobKey(compute_job_key(self.build_images(size)), str(note))

    def build_model(self, model: str, dtype: str) -> Params:
        """Return what a stored model depends on."""
        job = self._study.model_job(model, dtype)
        content = None
        if job.source.path is not None:
            content = self._sources.digest_model(job) or _read_content(
                self._study.folder.model_manifest(model, dtype)
            )
            self._sources.save()
        return asdict(
            replace(
                job,
                content=content,
                code=get_script_digest("fetch_model"),
                software=software_versions(("torch", "transformers", *OPTIONAL)),
            )
        )

    def build_model_key(self, model: str, dtype: str) -> JobKey:
        """Return what a stored model is made for."""
        note = self._study.folder.job_note("models", model, dtype)
        return JobKey(compute_job_key(self.build_model(model, dtype)), str(note))

    def build_measurement(self, cell: Cell) -> Params:
        """Return what a cell's measurement depends on, with the number of its attempt."""
        return self._add_attempt("cells", self._build_cell_job(cell, cost_only=False))

    def build_costs(self, cell: Cell) -> Params:
        """Return what the costs of a cell depend on that other jobs answer."""
        return self._add_attempt("cells", self._build_cell_job(cell, cost_only=True))

    def build_control(self, cell: Cell) -> Params:
        """Return what the second measurement of a cell depends on: its cost alone is taken."""
        return self._add_attempt("control", self._build_cell_job(cell, cost_only=True))

    def _build_cell_job(self, cell: Cell, *, cost_only: bool) -> CellJob:
        return CellJob(
            cell=self._study.build_cell_setup(cell),
            code=get_script_digest("run_inference"),
            software=software_versions(_MEASURING),
            measure=self._study.measure_settings,
            cost_only=cost_only,
        )

    def build_shard(self, cell: Cell, number: int, shards: int) -> Params:
        """Return what one shard of a cell's answers depends on, with the number of its attempt."""
        # Without the settings of `measure`: how costs are measured changes no answer.
        job = ShardJob(
            cell=self._study.build_cell_setup(cell),
            code=get_script_digest("answer_shard"),
            software=software_versions(_MEASURING),
            shard=Shard(number, shards),
        )
        return self._add_attempt("shards", job, name_shard(cell, number, shards))

    def build_gathering(self) -> Params:
        """Return what gathering answers depends on, besides them."""
        return {"code": get_script_digest("gather_shards")}

    def build_layers(self, cell: Cell) -> Params:
        """Return what a cell's layer profile depends on, with the number of its attempt."""
        layers = self._study.config.layers
        assert layers is not None, "a study without layers profiles none"
        job = LayersJob(
            cell=self._study.build_cell_setup(cell),
            code=get_script_digest("profile_layers"),
            software=software_versions(_MEASURING),
            measure=self._study.measure_settings,
            iterations=layers.iterations,
        )
        return self._add_attempt("layers", job)

    def build_score(self, cell: Cell) -> Params:
        """Return what a cell's scores depend on, besides its predictions."""
        config = self._study.config
        has_random_weights = config.models[cell.axes.model].weights == "random"
        job = ScoreJob(
            cell=RecordCell(id=cell.id, dataset=cell.dataset, **vars(cell.axes)),
            task=config.datasets[cell.dataset].task,
            seed=config.measure.seed,
            resamples=config.report.bootstrap_resamples,
            not_measured="random weights" if has_random_weights else None,
        )
        return {
            **vars(job),
            "cell": dict(vars(job.cell)),
            "code": get_script_digest("score_predictions"),
            "software": software_versions(_SCORING),
        }

    def find_noted_key(self, kind: AttemptKind, cell: Cell, name: str | None = None) -> str | None:
        """Return what the last try of a job was for; None where nothing is noted."""
        last = self._notes[kind].get((cell.dataset, name or cell.id))
        return last.key if last else None

    def needs_model(self, kind: AttemptKind, cell: Cell, name: str | None = None) -> bool:
        """Say whether a job opens the model: a cell's, or the one of this name.

        It does not where the device is missing, so that nothing is fetched in vain; it still
        counts as an input of a cell whose last attempt was before its device went.
        """
        if self._elsewhere:
            return True
        note = self._notes[kind].get((cell.dataset, name or cell.id))
        opened = note is not None and (note.status != Status.UNAVAILABLE or bool(note.devices))
        return opened or devices.is_present(cell.axes.device, self._study.gpus(cell))

    def _add_attempt(self, kind: AttemptKind, job: Job, name: str | None = None) -> Params:
        """Return the params of a job: what it depends on, and which attempt it is."""
        cell, params = job.cell, job.as_params()
        name = name or cell.id
        key = compute_job_key(params)
        count = attempts.choose_attempt_count(
            self._notes[kind].get((cell.dataset, name)),
            key,
            self._study.config.measure.max_attempts,
            self._list_fingerprint(cell.axes.device, compiles=cell.optimization.needs_compiler),
            self._study.config.measure.timeout_s,
            () if self._elsewhere else self._gpus.free,
            remeasures=self._study.config.measure.remeasure_disturbed,
        )
        note = self._study.folder.attempt(kind, cell.dataset, name)
        return {**params, "attempt": vars(JobAttempt(count, key, str(note)))}

    def _list_fingerprint(self, device: str, *, compiles: bool) -> list[str] | None:
        """Return what a cell can build on, looked up once; None where its job alone can see it."""
        if self._elsewhere:
            return None
        if (device, compiles) not in self._fingerprints:
            fingerprint = devices.list_fingerprint(device, compiles=compiles)
            self._fingerprints[device, compiles] = fingerprint
        return self._fingerprints[device, compiles]


def get_attempt_key(params: Params) -> str:
    """Return the key in the params of a job that is tried."""
    attempt = params["attempt"]
    assert isinstance(attempt, dict), "`_add_attempt` made it"
    return str(attempt["key"])


def name_shard(cell: Cell, number: int, shards: int) -> str:
    """Return the name of a shard among the attempts of its data set."""
    return f"{cell.id}.{number}-of-{shards}"


def _read_content(manifest: Path) -> str | None:
    """Return the digest of a local source when it was read: one that is gone counts as that."""
    try:
        content = read_json(manifest).get("content")
    except UserError:
        # The job that reads the file names what is wrong.
        return None
    return content if isinstance(content, str) else None
