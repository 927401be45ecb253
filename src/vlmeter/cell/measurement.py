"""What the measurement of a cell leaves: how it ended, and its figures where it ended well.

Read by what scores and aggregates, so it imports nothing that measures.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from vlmeter.cell.ending import Ending
from vlmeter.data.manifests import UnusableSample
from vlmeter.errors import UserError, listed, shorten
from vlmeter.machine.description import Cpu, Gpu
from vlmeter.measure.energy.result import Energy
from vlmeter.measure.flops.result import FlopsDetail, MissingFlops
from vlmeter.measure.request.result import MissingRequest, Request
from vlmeter.measure.result import (
    CacheMemory,
    Conditions,
    CudaSettings,
    Generation,
    Latency,
    Memory,
    MissingConditions,
    MissingGeneration,
    MissingMemory,
    TorchSettings,
)
from vlmeter.models.result import CompileResult, Quantization
from vlmeter.provenance import GitState
from vlmeter.status import Status
from vlmeter.storage.files import read_json
from vlmeter.storage.places import say_remedy
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class InputBlock:
    """What the figures are of: the samples and the shape of a batch."""

    samples: int
    prompt_templates: dict[str, int]
    """How many prompts were made from each template."""
    truncated_samples: int
    """Samples whose text was cut to the cell's length."""
    bad_samples: list[UnusableSample]
    batch_samples: int
    distinct_batches: int
    repeated: bool
    """Whether samples repeat to fill a batch."""
    text_tokens: int
    image_tokens: int
    """Of an image in the cost batches: of the median sample."""
    image_tokens_min: int
    """Of all samples, whose images may take different numbers; so are the mean and the most."""
    image_tokens_mean: float
    image_tokens_max: int
    image_settings: dict[str, str]
    """What the image processor was set to for `max_image_tokens`; empty where it is as it came."""
    sequence_length: int
    """Positions of a row that the language model sees, image positions included."""
    pixel_shape: list[int]
    """Of one image as the model gets it, tiles or patches first where it comes in such."""
    shape_digest: str
    """Equal for the same computation."""
    content_digest: str
    """Equal where the input is the same too."""


@dataclass(frozen=True)
class ModelBlock:
    """What model it is, and in which form it ran."""

    source: str
    revision: str | None
    licence: str | None
    digest: str
    """Of the model's files."""
    parameters: int
    type: str
    """Type of the model in transformers."""
    family: str
    asked_by: str
    """`chat template` or `plain prompt`."""
    image_backend: str
    """What its processor makes pixels with: `PIL` or `torchvision`."""
    attention: dict[str, str]
    """Attention implementation by stage, as the modules are set."""
    dtype_by_stage: dict[str, str]
    weights_bytes_by_stage: dict[str, int]
    """Bytes of parameters and buffers; `other` holds what stands above the stages."""
    quantization: Quantization | None = None
    cache: str | None = None
    """Class of the key-value cache of generation."""
    decode_kernels: list[str] = field(default_factory=list)
    kernels: dict[str, list[str]] = field(default_factory=dict)
    """Kernels that ran in a forward pass, by stage."""
    not_as_asked: list[str] = field(default_factory=list)
    """What ran otherwise than asked for, in words."""


@dataclass(frozen=True)
class DecodingBlock:
    """How answers were decoded, with what the model brings along for it."""

    method: str
    """`greedy` or `beam search`."""
    do_sample: bool
    max_new_tokens: int
    num_beams: int
    length_penalty: float
    min_new_tokens: int
    repetition_penalty: float
    eos_token_ids: list[int]
    pad_token_id: int
    padding_side: str
    own_settings: dict[str, object] | None = None
    """What the model's own generation config sets, where it decides; None where the study does."""


@dataclass(frozen=True)
class Provenance:
    """Where the figures come from: code, software, machine and data."""

    git: GitState | None
    code: str
    """Digest of the measuring code."""
    software: dict[str, str]
    threads: int
    torch: TorchSettings
    cuda: CudaSettings | None
    """None for a cell on a CPU."""
    host: str
    """Equal for machines alike in hardware."""
    cpu: Cpu
    memory_bytes: int
    os: str
    container: str | None
    python: str
    gpus: list[Gpu]
    """Those that the cell had."""
    samples_sha256: str
    images_sha256: str


@dataclass(frozen=True)
class Checks:
    """What was checked before anything was measured."""

    image_tokens_present: bool
    image_changes_logits: bool


@dataclass(frozen=True)
class Figures:
    """The blocks of a cell that ended well."""

    input: InputBlock
    model: ModelBlock
    decoding: DecodingBlock
    provenance: Provenance
    latency_detail: Latency
    generation: Generation | MissingGeneration
    request: Request | MissingRequest
    energy_detail: Energy
    compile: CompileResult | None
    """None where nothing was compiled."""
    conditions: Conditions | MissingConditions
    flops_detail: FlopsDetail | MissingFlops
    memory: Memory | MissingMemory
    kv_cache: CacheMemory
    checks: Checks
    time_spent_s: dict[str, float]
    """Seconds of the process by what they were spent on, as `TimeSpent` names it."""


@dataclass(frozen=True)
class Measurement:
    """The content of `measurement.json`."""

    ending: Ending
    figures: Figures | None
    """None where the cell did not end well."""
    files: dict[str, str]
    """SHA-256 of the tables beside it, by name."""

    def as_plain(self) -> dict[str, object]:
        """Return what is written: one flat table of blocks."""
        figures = {} if self.figures is None else asdict(self.figures)
        return {**asdict(self.ending), **figures, "files": self.files}


def read_measurement(path: Path) -> Measurement:
    """Read what `run_inference` left.

    Raises:
        UserError: the file is missing, damaged or holds no measurement; the message names it.
    """
    plain = read_json(path)
    missing = [key for key in ("status", "reason", "attempt") if key not in plain]
    if missing:
        raise UserError(f"{path} lacks {listed(missing)}: {say_remedy(path)}.")
    status = plain["status"]
    if status not in set(Status):
        raise UserError(f"{path}: status '{shorten(status)}' is none of {listed(sorted(Status))}.")
    return Measurement(
        ending=from_plain(Ending, plain, path),
        figures=from_plain(Figures, plain, path) if status == Status.OK else None,
        files=from_plain(dict[str, str], plain.get("files", {}), path, "files"),
    )
