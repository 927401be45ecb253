"""The published study's own config runs against the Hub, from the first request to the report."""

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
from studytree import NETWORK_LOG, Outcome, Tree

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
RESULTS = "results/blip2-opt-2.7b"
WINDOWS = {
    "window_s": 0.05,
    "max_warmup_s": 0.05,
    "energy": {"window_s": 0.05, "idle_window_s": 0.1},
}
EXPECTED = re.compile(
    rf"/api/models/{MODEL}/(revision|tree)/{COMMITS[MODEL]}"
    rf"|(/api/resolve-cache/models|/models)?/{MODEL}(/resolve)?/{COMMITS[MODEL]}/"
    r"(README\.md|.*\.json|model-0000[12]-of-00002\.safetensors)"
    rf"|/api/datasets/({COCO}|{SCIENCEQA}|{TEXTVQA})(/(revision|tree)/[0-9a-f]{{40}}.*)?"
    rf"|(/api/resolve-cache)?/datasets/({COCO}|{SCIENCEQA}|{TEXTVQA})(/resolve)?/[0-9a-f]{{40}}/"
    # The files in which a data set may describe itself, and the splits that the config names.
    r"(README\.md|\.huggingface\.yaml|dataset_infos\.json|\w+\.py|[\w-]+\.py"
    r"|data/val-.*|ScienceQA-IMG/test-.*|data/validation-.*)"
)
"""Whatever may be asked; other weights, other splits and telemetry are not among it."""


class HubTree(Tree):
    """A tree whose jobs ask the loopback Hub, and can reach nothing else."""

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


def written_config(tree: Tree) -> str:
    """Write the published config for a CPU and short windows; return the file's name."""
    published = yaml.safe_load(tree.path("config/config.yaml").read_text())
    assert "measure" not in published
    config = {**published, "base": {**published["base"], "device": "cpu"}, "measure": WINDOWS}
    tree.write_config(config)
    assert {key for key in config if config[key] != published.get(key)} == {"base", "measure"}
    assert published["base"]["device"] == "cuda"
    return "study.yaml"


def read_all(folder: Path, pattern: str) -> dict[Path, Any]:
    return {path.parent: json.loads(path.read_text()) for path in folder.glob(pattern)}


@pytest.fixture
def tree(hub, tmp_path) -> HubTree:
    add_study(hub, rows=10)
    hub.tokens.add(TOKEN)
    tree = HubTree.new(tmp_path / "tree")
    assert isinstance(tree, HubTree)
    tree.path(".endpoint").write_text(hub.url)
    places = [url.removeprefix("http://") for url in (hub.url, hub.storage_url)]
    tree.path(".allowed").write_text(" ".join(places))
    return tree


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let what is started here have one core, so that it waits for nothing when others are busy."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


def test_the_published_study_runs_against_the_hub(hub, tree):
    config = written_config(tree)

    with on_one_core():
        run = tree.run(configfile=config)

    assert run.code == 0, run.text
    results = tree.path(RESULTS)
    every_cell_has_its_record(results)
    what_was_read_is_recorded(results)
    the_report_stands_beside_them(results)
    nothing_else_was_asked(hub)
    assert not tree.path(NETWORK_LOG).exists(), tree.path(NETWORK_LOG).read_text()
    the_token_is_nowhere(tree, run)
    assert tree.plan(configfile=config).names == set()


def every_cell_has_its_record(results: Path) -> None:
    records = read_all(results, "cells/*/*/record.json")
    assert len(records) == 21
    ends = {folder.name: record["status"] for folder, record in records.items()}
    others = {name: status for name, status in ends.items() if status != "ok"}
    assert others == {
        "blip2-opt-2.7b-bs1-img224-len200-fp16-eager-cuda": "unavailable",
        "blip2-opt-2.7b-bs16-img224-len200-fp32-flash_attention_2-cpu": "unsupported",
    }
    for record in records.values():
        if record["status"] == "ok":
            assert record["latency"] > 0
            assert record["flops"].endswith("FLOPS")
            assert record["wer_value"] is not None
            assert record["checks"] == {"image_tokens_present": True, "image_changes_logits": True}
    assert len(list(results.glob("layers/textvqa/*.csv"))) == 5


def what_was_read_is_recorded(results: Path) -> None:
    manifests = {
        folder.name: manifest
        for folder, manifest in read_all(results, "data/*/samples.json").items()
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


def the_report_stands_beside_them(results: Path) -> None:
    report = (results / "report.md").read_text()
    sources = [line for line in report.splitlines() if line.startswith(("| Model", "| Data set,"))]
    for repository, licence in (
        (MODEL, "MIT"),
        (COCO, "annotations CC BY 4.0, each image under its own Flickr licence"),
        (SCIENCEQA, "CC BY-NC-SA 4.0"),
        (TEXTVQA, "CC BY 4.0"),
    ):
        [line] = [line for line in sources if f" {repository} |" in line]
        assert f"| {COMMITS[repository]} |" in line
        assert line.endswith(f"| {licence} |")
    assert (results / "study.html").stat().st_size > 10_000


def nothing_else_was_asked(hub) -> None:
    unexpected = [asked.path for asked in hub.asked if not EXPECTED.fullmatch(asked.path)]
    assert unexpected == []
    assert {asked.token for asked in hub.asked if asked.host == "storage"} == {None}
    assert {asked.token for asked in hub.asked if asked.host == "hub"} == {TOKEN}
    times = Counter((asked.method, asked.path, asked.bytes_range) for asked in hub.asked)
    assert {one for one in times if times[one] > 1 and "/resolve" in one[1]} == set()
    assert max(times.values()) <= 3, "what a repository holds is asked by two libraries"
    model = hub.repos["models", MODEL]
    weights = sum(len(f.data) for path, f in model.files.items() if ".safetensors" in path)
    assert hub.sent_of(MODEL, ".safetensors") == weights, "fetched once for all number formats"


def the_token_is_nowhere(tree: Tree, run: Outcome) -> None:
    assert TOKEN not in run.text
    files = [path for path in tree.folder.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
