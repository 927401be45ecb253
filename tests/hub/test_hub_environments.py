"""Without a network the Hub's cache is used; an error is a sentence, on a full disk too."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download
from python_path import search_first

SUPPORT = Path(__file__).parents[1] / "support"
UNREACHABLE = "http://127.0.0.1:9"


def fetch_in_a_process(folder, *fetches, limit_bytes=None, **environment) -> list[dict]:
    """Return the results of fetches, `kind@repository@commit`, under another environment."""

    def limit_file_size() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    process = subprocess.run(
        [sys.executable, SUPPORT / "fetches.py", folder, *fetches],
        env={**os.environ, **search_first(SUPPORT), **environment},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_file_size,
    )
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def format_fetch(repo) -> str:
    return f"{repo.kind.removesuffix('s')}@{repo.name}@{repo.commit}"


@pytest.fixture
def cached(hub, noise, model, fetcher):
    """Fetches of a model and a data set that are in the Hub's cache, and their manifests."""
    snapshot_download(noise.name, repo_type="dataset", revision=noise.commit)
    manifests = [
        fetcher.fetch_dataset(noise, revision=noise.commit)[1],
        fetcher.fetch_model(model, revision=model.commit),
    ]
    hub.requests.clear()
    move_to_shared_store(model)
    return [format_fetch(noise), format_fetch(model)], manifests


def move_to_shared_store(model) -> None:
    """Replace a file by a link to it, as a download with Xet does."""
    [link] = locate_snapshot("model", model).glob("model-00001-*")
    blob = link.parent / link.readlink()
    store = Path(constants.HF_HUB_CACHE) / "blobs/ab" / f"ab{int(model.name.split('-')[1]):062}"
    store.parent.mkdir(parents=True, exist_ok=True)
    blob.rename(store)
    blob.symlink_to(os.path.relpath(store, blob.parent))


def locate_snapshot(kind: str, repo) -> Path:
    """Return the folder of a repository's files in the Hub's cache."""
    name = repo.name.replace("/", "--")
    return Path(constants.HF_HUB_CACHE) / f"{kind}s--{name}/snapshots/{repo.commit}"


@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": UNREACHABLE}])
def test_without_a_network_the_cache_is_used_and_a_missing_repository_is_named(
    hub, noise, model, cached, tmp_path, environment
):
    fetches, manifests = cached
    absent = ["dataset@maker/absent@" + "b" * 40, "model@maker/absent@" + "b" * 40]
    [shard] = locate_snapshot("dataset", noise).glob("data/test-00002-*")

    partial = f"{fetches[0]}@{shard}"
    results = fetch_in_a_process(tmp_path, *fetches, *absent, partial, **environment)

    assert results[:2] == manifests
    assert hub.requests == []
    offline = "HF_HUB_OFFLINE" in environment
    for result, command in zip(
        results[2:],
        [
            f"hf download maker/absent --repo-type dataset --revision {'b' * 40}",
            f"hf download maker/absent --revision {'b' * 40}",
            f"hf download {noise.name} --repo-type dataset --revision {noise.commit}",
        ],
        strict=True,
    ):
        assert result["has no result"]
        if offline:
            assert "HF_HUB_OFFLINE is set, and it is not, or not whole, in the" in result["error"]
            assert f"unset it, or first run `{command}`" in result["error"]
        else:
            assert f"{UNREACHABLE} cannot be reached" in result["error"]
            assert "HF_HUB_OFFLINE=1 takes what is in the Hub's cache" in result["error"]


def test_a_data_set_without_a_file_of_data_in_the_cache_is_not_whole(cached, noise, tmp_path):
    for file in locate_snapshot("dataset", noise).glob("data/*"):
        file.unlink()

    [result] = fetch_in_a_process(tmp_path, cached[0][0], HF_HUB_OFFLINE="1")

    assert "HF_HUB_OFFLINE is set, and it is not, or not whole, in the" in result["error"]
    assert result["has no result"]


def test_a_damaged_file_in_the_cache_is_named(hub, model, cached, tmp_path):
    fetches, _ = cached
    shard = next(locate_snapshot("model", model).glob("model-00002-*")).resolve()
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)

    [result] = fetch_in_a_process(tmp_path, fetches[1], HF_HUB_OFFLINE="1")

    assert "model-00002-of-00002.safetensors in the Hub's cache is damaged" in result["error"]
    assert f"delete {shard} and run again" in result["error"]
    assert result["has no result"]


def test_a_full_disk_is_reported_with_the_folder_and_leaves_no_result(hub, model, tmp_path):
    [result] = fetch_in_a_process(tmp_path, format_fetch(model), limit_bytes=1_000_000)

    assert result["error"].startswith(
        f"model {model.name}: there is no room left in {constants.HF_HUB_CACHE} "
    )
    assert "set HF_HOME to a folder on a larger disk" in result["error"]
    assert result["has no result"]
