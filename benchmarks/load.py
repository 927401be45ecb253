"""A cell's load of a stored model beside reading the same files.

A model of BLIP-2's kind with six OPT layers at full width (160 MB each in fp16) is stored by
`fetch_model`; then reading its files into memory, checking them and loading them take turns. A
load ends when every page of the weights was touched: mapping alone would be no load.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from comparison import Comparison
from transformers import AutoConfig, Blip2ForConditionalGeneration

from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.load import check_files, load_model
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.prepare_model import prepare_model

DEMO = Path(__file__).parents[1] / "demo" / "model"
LIMIT = 1.5
LAYERS = 6
TURNS = 7
PAGE = 1024
"""Numbers that a page of memory holds at least: 4 kB of fp32."""


def model_folder(layers: int, folder: Path) -> Path:
    """Write a checkpoint whose language model has the real width."""
    shutil.copytree(DEMO, folder)
    config = AutoConfig.from_pretrained(folder)
    text = config.text_config
    text.hidden_size = text.word_embed_proj_dim = 2560
    text.ffn_dim, text.num_attention_heads, text.num_hidden_layers = 10240, 32, layers
    torch.manual_seed(0)
    Blip2ForConditionalGeneration(config).half().save_pretrained(folder)
    return folder


def stored(source: Path, folder: Path) -> Path:
    """Store it as a study does; return the manifest."""
    manifest = folder / "wide-fp16.json"
    prepare_model(ModelJob("wide", "fp16", ModelSource(path=str(source)), "pretrained"), manifest)
    return manifest


def forget(folder: Path) -> None:
    """Ask the system to drop the files from its memory."""
    os.sync()
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    kept = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    taken = time.perf_counter() - start
    del kept
    return taken


def compare(manifest: Path, device: str, cold: bool) -> dict[str, float]:
    """Return the median seconds of reading, checking and loading."""
    folder, described = manifest.with_suffix(""), read_model_manifest(manifest)

    def read() -> list[bytes]:
        return [path.read_bytes() for path in sorted(folder.iterdir())]

    def check() -> None:
        check_files(folder, described)

    def load() -> object:
        loaded = load_model(folder, device, "fp16", random=False, seed=0)
        for parameter in loaded.model.parameters():
            parameter.view(-1)[::PAGE].sum()
        return loaded

    taken: dict[str, list[float]] = {"read": [], "check": [], "load": []}
    for _ in range(TURNS):
        for name, work in (("read", read), ("check", check), ("load", load)):
            # A cell loads right after it checked: only the check finds nothing in memory.
            if cold and name != "load":
                forget(folder)
            taken[name].append(seconds(work))
    return {name: statistics.median(times) for name, times in taken.items()}


def load(device: str) -> Iterator[Comparison]:
    """A cell checks the files and loads them: together at most 1.5 times as long as reading."""
    with tempfile.TemporaryDirectory() as name:
        manifest = stored(model_folder(LAYERS, Path(name) / "source"), Path(name))
        for words, cold in (("memory", False), ("disk", True)):
            took = compare(manifest, device, cold)
            both = took["check"] + took["load"]
            what = f"model load / reading it from {words}"
            yield Comparison(what, both, took["read"], "s", LIMIT - 1.0, at_most=True)
