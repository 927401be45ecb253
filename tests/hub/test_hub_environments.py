"""Without a network or room on the disk: the cache is used, and else one sentence tells."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

HERE = Path(__file__).parent
NOWHERE = "http://127.0.0.1:9"


def in_a_process(folder, *fetches, limit_bytes=None, **environment) -> list[dict]:
    """What comes of fetches under another environment; each is `kind@repository@commit`."""

    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = subprocess.run(
        [sys.executable, HERE / "fetches.py", folder, *fetches],
        env={**os.environ, "PYTHONPATH": str(HERE), **environment},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def fetch_of(repo) -> str:
    return f"{repo.kind.removesuffix('s')}@{repo.name}@{repo.commit}"


@pytest.fixture
def cached(hub, noise, model, fetching):
    """A model and a data set that lie in the Hub's cache, with their manifests."""
    snapshot_download(noise.name, repo_type="dataset", revision=noise.commit)
    manifests = [
        fetching.dataset(noise, revision=noise.commit)[1],
        fetching.model(model, revision=model.commit),
    ]
    hub.asked.clear()
    move_to_shared_store(model)
    return [fetch_of(noise), fetch_of(model)], manifests


def move_to_shared_store(model) -> None:
    """Leave a link where a file was, as the Hub's own transfer (Xet) leaves one."""
    [link] = snapshots("model", model).glob("model-00001-*")
    blob = link.parent / link.readlink()
    store = Path(constants.HF_HUB_CACHE) / "blobs/ab" / f"ab{int(model.name.split('-')[1]):062}"
    store.parent.mkdir(parents=True, exist_ok=True)
    blob.rename(store)
    blob.symlink_to(os.path.relpath(store, blob.parent))


def snapshots(kind: str, repo) -> Path:
    """Where the Hub's cache has a repository's files."""
    name = repo.name.replace("/", "--")
    return Path(constants.HF_HUB_CACHE) / f"{kind}s--{name}/snapshots/{repo.commit}"


@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": NOWHERE}])
def test_without_a_network_the_cache_is_used_and_what_it_lacks_is_told(
    hub, noise, model, cached, tmp_path, environment
):
    fetches, manifests = cached
    absent = ["dataset@maker/absent@" + "b" * 40, "model@maker/absent@" + "b" * 40]
    [shard] = snapshots("dataset", noise).glob("data/test-00002-*")

    told = in_a_process(tmp_path / "there", *fetches, *absent, **environment)
    shard.unlink()
    partial = in_a_process(tmp_path / "partial", fetches[0], **environment)

    assert told[:2] == manifests
    assert hub.asked == []
    offline = "HF_HUB_OFFLINE" in environment
    for refusal, command in zip(
        [*told[2:], *partial],
        [
            f"hf download maker/absent --repo-type dataset --revision {'b' * 40}",
            f"hf download maker/absent --revision {'b' * 40}",
            f"hf download {noise.name} --repo-type dataset --revision {noise.commit}",
        ],
        strict=True,
    ):
        assert refusal["nothing is left"]
        if offline:
            assert (
                "HF_HUB_OFFLINE is set, and it is not, or not whole, in the" in refusal["refused"]
            )
            assert f"unset it, or first run `{command}`" in refusal["refused"]
        else:
            assert f"{NOWHERE} cannot be reached" in refusal["refused"]
            assert "HF_HUB_OFFLINE=1 takes what is in the Hub's cache" in refusal["refused"]


def test_a_damaged_file_in_the_cache_is_told(hub, model, cached, tmp_path):
    fetches, _ = cached
    shard = next(snapshots("model", model).glob("model-00002-*")).resolve()
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(data)

    [told] = in_a_process(tmp_path, fetches[1], HF_HUB_OFFLINE="1")

    assert "model-00002-of-00002.safetensors in the Hub's cache is damaged" in told["refused"]
    assert f"delete {shard} and run again" in told["refused"]
    assert told["nothing is left"]


def test_a_full_disk_is_told_with_the_folder_and_leaves_nothing(hub, model, tmp_path):
    [told] = in_a_process(tmp_path, fetch_of(model), limit_bytes=1_000_000)

    assert told["refused"].startswith(
        f"model {model.name}: there is no room left in {constants.HF_HUB_CACHE} "
    )
    assert "set HF_HOME to a folder on a larger disk" in told["refused"]
    assert told["nothing is left"]
