"""The published study's config runs against the loopback Hub, up to the report."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hubcontent import COCO, COMMITS, MODEL, SCIENCEQA, TEXTVQA, add_study
from small_study import STUDY
from studytree import NETWORK_LOG, Outcome, Tree

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
RESULTS = "results/blip2-opt-2.7b"
BATCH = 2
ALLOWED = re.compile(
    rf"/api/models/{MODEL}/(revision|tree)/{COMMITS[MODEL]}"
    rf"|(/api/resolve-cache/models|/models)?/{MODEL}(/resolve)?/{COMMITS[MODEL]}/"
    r"(README\.md|.*\.json|model-0000[12]-of-00002\.safetensors)"
    rf"|/api/datasets/({COCO}|{SCIENCEQA}|{TEXTVQA})(/(revision|tree)/[0-9a-f]{{40}}.*)?"
    rf"|(/api/resolve-cache)?/datasets/({COCO}|{SCIENCEQA}|{TEXTVQA})(/resolve)?/[0-9a-f]{{40}}/"
    # Files that may describe a data set, and the splits that the config names.
    r"(README\.md|\.huggingface\.yaml|dataset_infos\.json|\w+\.py|[\w-]+\.py"
    r"|data/val-.*|ScienceQA-IMG/test-.*|data/validation-.*)"
)
"""Paths that may be requested: no other weights or splits, and no telemetry."""


class HubTree(Tree):
    """A tree whose jobs can reach the loopback Hub and nothing else."""

    def environment(self, *fakes: str, **options: Any) -> dict[str, str]:
        inherited = super().environment(*fakes, **options)
        del inherited["HF_HUB_OFFLINE"]
        return {
            **inherited,
            "no_proxy": "127.0.0.1",
            "HF_ENDPOINT": self.path(".endpoint").read_text(),
            "HF_HOME": str(self.path(".hub-cache")),
            "HF_TOKEN": TOKEN,
            "NETWORK_LOG": str(self.path(NETWORK_LOG)),
            "NETWORK_ALLOWED": self.path(".allowed").read_text(),
        }


def write_config(tree: Tree) -> str:
    """Write the published config for a CPU and short windows; return the file's name.

    Each section keeps the ends of what it varies, with batches of two and short answers: nothing
    else is asked of the Hub for more. What is compiled there, the worked study of optimisations
    compiles too.
    """
    published = yaml.safe_load(tree.path("config/config.yaml").read_text())
    assert "measure" not in published
    assert published["base"]["device"] == "cuda"
    published["base"]["device"] = "cpu"
    for block in (*published["sections"], *published["layers"]["grids"]):
        block["vary"] = {
            axis: list(dict.fromkeys([values[0], values[-1]]))
            for axis, values in block["vary"].items()
        }
        for axes, size in ((block["vary"], [1, BATCH]), (block.get("fix", {}), BATCH)):
            if "batch_size" in axes:
                axes["batch_size"] = size
    for dataset in published["datasets"].values():
        dataset["max_new_tokens"] = STUDY["datasets"]["textvqa"]["max_new_tokens"]
    published["layers"]["iterations"] = 1
    published["report"] |= STUDY["report"]
    tree.write_config({**published, "measure": STUDY["measure"]})
    return "study.yaml"


def read_all_json(folder: Path, pattern: str) -> dict[Path, Any]:
    return {path.parent: json.loads(path.read_text()) for path in folder.glob(pattern)}


@pytest.fixture
def tree(hub, tmp_path) -> HubTree:
    add_study(hub, rows=10)
    hub.tokens.add(TOKEN)
    tree = HubTree.new(tmp_path / "tree")
    assert isinstance(tree, HubTree)
    tree.path(".endpoint").write_text(hub.url)
    hosts = [url.removeprefix("http://") for url in (hub.url, hub.storage_url)]
    tree.path(".allowed").write_text(" ".join(hosts))
    return tree


@contextmanager
def restrict_to_a_core() -> Iterator[None]:
    """Give child processes a single core, so that none waits for others that are busy."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


def test_the_published_study_runs_against_the_hub(hub, tree):
    config = write_config(tree)

    with restrict_to_a_core():
        run = tree.run(configfile=config)

    assert run.code == 0, run.text
    results = tree.path(RESULTS)
    check_records(results)
    check_manifests(results)
    check_report(results)
    check_requests(hub)
    assert not tree.path(NETWORK_LOG).exists(), tree.path(NETWORK_LOG).read_text()
    check_token(tree, run)
    assert tree.plan(configfile=config).names == set()


def check_records(results: Path) -> None:
    records = read_all_json(results, "cells/*/*/record.json")
    assert len(records) == 12
    statuses = {folder.name: record["status"] for folder, record in records.items()}
    not_ok = {name: status for name, status in statuses.items() if status != "ok"}
    assert not_ok == {
        "blip2-opt-2.7b-bs1-img224-len200-fp16-eager-cuda": "unavailable",
        f"blip2-opt-2.7b-bs{BATCH}-img224-len200-fp32-flash_attention_2-cpu": "unsupported",
    }
    for record in records.values():
        if record["status"] == "ok":
            assert record["latency"] > 0
            assert record["flops"].endswith("FLOPS")
            assert record["wer_value"] is not None
            assert record["checks"] == {"image_tokens_present": True, "image_changes_logits": True}
    assert len(list(results.glob("layers/textvqa/*.csv"))) == 3


def check_manifests(results: Path) -> None:
    manifests = {
        folder.name: manifest
        for folder, manifest in read_all_json(results, "data/*/samples.json").items()
    }
    assert {name: manifest["revision"] for name, manifest in manifests.items()} == {
        "coco": COMMITS[COCO],
        "scienceqa": COMMITS[SCIENCEQA],
        "textvqa": COMMITS[TEXTVQA],
    }
    assert {name: (m["n"], len(m["bad_samples"])) for name, m in manifests.items()} == {
        "coco": (18, 3),
        "scienceqa": (10, 2),
        "textvqa": (10, 1),
    }
    model = json.loads((results / "models/blip2-opt-2.7b-fp32.json").read_text())
    assert (model["revision"], model["licence"]) == (COMMITS[MODEL], "mit")


def check_report(results: Path) -> None:
    report = (results / "report.md").read_text()
    kinds = "| Model, ", "| Data set, "
    sources = [line for line in report.splitlines() if any(kind in line for kind in kinds)]
    for repository, licence in (
        (MODEL, "MIT"),
        (COCO, "annotations CC BY 4.0, each image under its own Flickr licence"),
        (SCIENCEQA, "CC BY-NC-SA 4.0"),
        (TEXTVQA, "CC BY 4.0"),
    ):
        [line] = [line for line in sources if f"| {repository} | {COMMITS[repository]} |" in line]
        assert line.endswith(f"| {licence} |")
    assert (results / "study.html").stat().st_size > 10_000


def check_requests(hub) -> None:
    unexpected = [request.path for request in hub.requests if not ALLOWED.fullmatch(request.path)]
    assert unexpected == []
    assert {request.token for request in hub.requests if request.host == "storage"} == {None}
    assert {request.token for request in hub.requests if request.host == "hub"} == {TOKEN}
    times = Counter((request.method, request.path, request.bytes_range) for request in hub.requests)
    assert {key for key in times if times[key] > 1 and "/resolve" in key[1]} == set()
    assert max(times.values()) <= 3, "two libraries request the list of a repository's files"
    model = hub.repos["models", MODEL]
    weights = sum(len(f.data) for path, f in model.files.items() if ".safetensors" in path)
    assert hub.count_sent_bytes(MODEL, ".safetensors") == weights, (
        "fetched once for all number formats"
    )


def check_token(tree: Tree, run: Outcome) -> None:
    assert TOKEN not in run.text
    files = [path for path in tree.folder.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
