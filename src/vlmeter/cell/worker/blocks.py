"""What a cell's record says besides its figures: the model, the decoding, where it all ran."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from vlmeter.cell.job import CellJob
from vlmeter.cell.measurement import DecodingBlock, ModelBlock, Provenance
from vlmeter.cell.worker.workload import Workload
from vlmeter.machine import devices
from vlmeter.machine.description import Machine, read_machine
from vlmeter.machine.host import describe_host, is_here
from vlmeter.measure.energy.sources import describe_energy_sources
from vlmeter.measure.nvml import Gpu, open_devices
from vlmeter.measure.settings import EnergySettings
from vlmeter.measure.torch_settings import read_cuda_settings, read_torch_settings
from vlmeter.models.decoding import select_applied
from vlmeter.models.families.base import uses_chat_template
from vlmeter.models.load import find_attention_in_use, find_dtypes_in_use
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.processors import name_backend
from vlmeter.provenance import read_git_state


def describe_model(workload: Workload, model: Path) -> ModelBlock:
    """Return what model it is, in which form it ran; `model` is its manifest."""
    manifest = read_model_manifest(model)
    assert manifest.parameters is not None, "a model that is stored has parameters"
    loaded = workload.loaded
    return ModelBlock(
        source=manifest.source.name,
        revision=manifest.revision,
        licence=manifest.licence,
        digest=manifest.digest,
        parameters=manifest.parameters,
        type=loaded.model.config.model_type,
        family=loaded.family.name,
        asked_by="chat template" if uses_chat_template(loaded.processor) else "plain prompt",
        image_backend=name_backend(loaded.processor),
        attention=find_attention_in_use(loaded.model, loaded.family),
        dtype_by_stage=find_dtypes_in_use(
            loaded.model, loaded.family, loaded.optimization.quantization
        ),
    )


def describe_decoding(workload: Workload) -> DecodingBlock:
    """Return how answers were decoded, with what the model brings along for it."""
    loaded, decoding = workload.loaded, workload.decoding
    own = select_applied(loaded.own_generation) if decoding.by_model else None
    settings = asdict(decoding)
    del settings["by_model"]
    settings |= {name: value for name, value in (own or {}).items() if name in settings}
    return DecodingBlock(
        method="greedy" if settings["num_beams"] == 1 else "beam search",
        do_sample=False,
        **settings,
        own_settings=own,
        eos_token_ids=list(loaded.eos_token_ids),
        pad_token_id=loaded.pad_token_id,
        padding_side=loaded.tokenizer.padding_side,
    )


def describe_own_machine(machine: Path, settings: EnergySettings) -> Machine:
    """Return the description of this machine: the stored one, or a new one where that is another's.

    Idle watts and peaks are read while nothing else runs, which a cell cannot see to: those of
    another machine are left out rather than taken for this one's.
    """
    described = read_machine(machine)
    if is_here(described):
        return described
    return Machine(
        **vars(describe_host()),
        threads_of_a_cell=torch.get_num_threads(),
        gpus=(),
        gpus_left_out=(),
        software={},
        energy=describe_energy_sources(settings, open_devices("cuda")),
    )


def describe_provenance(
    job: CellJob, workload: Workload, machine: Machine, gpus: Sequence[Gpu]
) -> Provenance:
    """Return where the figures come from; of the machine's GPUs those that the cell had.

    The settings of torch are those of this process, and differ in any other.
    """
    held = {gpu.uuid() for gpu in gpus}
    on_gpu = job.cell.axes.device == "cuda"
    return Provenance(
        git=read_git_state(),
        code=job.code,
        software=job.software,
        threads=torch.get_num_threads(),
        torch=read_torch_settings(),
        cuda=read_cuda_settings() if on_gpu else None,
        host=machine.host,
        cpu=machine.cpu,
        memory_bytes=machine.memory_bytes,
        os=machine.os,
        container=machine.container,
        python=machine.python,
        gpus=[gpu for gpu in devices.visible_gpus() if gpu.uuid in held],
        samples_sha256=workload.images.samples_sha256,
        images_sha256=workload.images.sha256,
    )
