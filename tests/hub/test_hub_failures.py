"""What goes wrong at the Hub ends well after a few tries, or in one sentence with what to do."""

import pytest
from hubcontent import add_scienceqa

from vlmeter.errors import UserError

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
LISTED = "/api/datasets/"
SHARD = "model-00002-of-00002.safetensors"


def refused(fetching, fetch, *args, **source) -> str:
    """The one sentence of a fetch that fails; nothing that looks finished is left."""
    with pytest.raises(UserError) as told:
        fetch(*args, **source)
    assert fetching.nothing_is_left()
    assert "\n" not in str(told.value)
    return str(told.value)


# --- who may read it


def test_what_does_not_exist_or_is_private_is_said_so(hub, noise, fetching):
    noise.private = True

    told = refused(fetching, fetching.dataset, noise)

    assert told == (
        f"data set {noise.name}: the Hub has no such repository, or it is private (answer 401): "
        "check datasets.*.source.hub; for a private one set HF_TOKEN to a token that may read it."
    )
    assert fetching.waits == []


def test_a_private_one_is_read_with_a_token(hub, noise, fetching, monkeypatch):
    noise.private = True
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    assert fetching.dataset(noise)[1]["n"] == 12


def test_a_token_that_is_not_valid_is_said_so(hub, model, fetching, monkeypatch):
    hub.tokens.add("hf_another")
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    told = refused(fetching, fetching.model, model)

    assert told == (
        f"model {model.name}: the Hub does not know the token (answer 401): set HF_TOKEN to a "
        "valid one, or unset it and run `hf auth logout`."
    )


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_gated_model_says_where_its_conditions_are_accepted(
    hub, model, fetching, monkeypatch, token
):
    model.gated = True
    hub.tokens.add(TOKEN)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)

    told = refused(fetching, fetching.model, model)

    assert told == (
        f"model {model.name}: it is gated (answer {403 if token else 401}): accept its conditions "
        f"on {hub.url}/{model.name}, and set HF_TOKEN to a token of the account that accepted them."
    )


def test_a_gated_data_set_is_read_once_its_conditions_are_accepted(
    hub, noise, fetching, monkeypatch
):
    noise.gated = True
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    page = f"{hub.url}/datasets/{noise.name}"
    assert f"accept its conditions on {page}" in refused(fetching, fetching.dataset, noise)

    hub.accepted.add(TOKEN)

    assert fetching.dataset(noise)[1]["n"] == 12


def test_the_storage_never_sees_the_token(hub, noise, model, fetching, monkeypatch, capfd):
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    fetching.dataset(noise)
    fetching.model(model)

    assert {asked.token for asked in hub.asked if asked.host == "hub"} == {TOKEN}
    assert {asked.token for asked in hub.asked if asked.host == "storage"} == {None}
    written = b"".join(path.read_bytes() for path in fetching.folder.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
    assert TOKEN not in "".join(capfd.readouterr())


# --- what is gone


def test_a_revision_that_is_gone_is_named(model, noise, fetching):
    gone = "0" * 40
    assert refused(fetching, fetching.model, model, revision=gone) == (
        f"model {model.name}: it has no revision {gone} (any more): correct "
        "models.*.source.revision, or leave it out to take the newest."
    )
    assert refused(fetching, fetching.dataset, noise, revision=gone) == (
        f"data set {noise.name}: it has no revision {gone} (any more): correct "
        "datasets.*.source.revision, or leave it out to take the newest."
    )


def test_a_split_a_configuration_and_a_column_that_are_gone_are_named_with_what_there_is(
    noise, fetching
):
    assert refused(fetching, fetching.dataset, noise, split="val") == (
        f'data set {noise.name}: it has no split "val"; it has: test. '
        "Correct datasets.*.source.split."
    )
    assert refused(fetching, fetching.dataset, noise, config="large") == (
        f'data set {noise.name}: it has no configuration "large"; '
        "name one in datasets.*.source.config: default."
    )
    columns = {"image": "picture", "references": "key"}
    told = refused(fetching, fetching.dataset, noise, columns)
    assert told.endswith(
        'test-00000-of-00003.parquet has no column "picture"; it has: key, image, label, choices, '
        "other. Correct datasets.*.columns."
    )


def test_one_of_several_configurations_has_to_be_named(hub, fetching):
    repo = add_scienceqa(hub, rows=6)

    assert refused(fetching, fetching.dataset, repo) == (
        f"data set {repo.name}: it has several configurations; "
        "name one in datasets.*.source.config: ScienceQA-FULL, ScienceQA-IMG."
    )


def test_a_data_set_that_is_no_parquet_is_refused_with_where_to_find_one(hub, name, fetching):
    repo = hub.add("datasets", name, {"test.csv": b"key,image\n1,a.png\n"})

    assert refused(fetching, fetching.dataset, repo) == (
        f"data set {name}: its split is no parquet (test.csv), of which parts could be read: try "
        "datasets.*.source.revision: refs/convert/parquet, where the Hub keeps a copy of most data "
        "sets as parquet."
    )


def test_a_data_set_that_is_made_by_a_script_is_refused_and_the_script_not_run(
    hub, noise, fetching
):
    noise.put(f"{noise.name.split('/')[1]}.py", b"raise SystemError('this ran')")

    assert refused(fetching, fetching.dataset, noise).startswith(
        f"data set {noise.name}: it is made by a script, which is not run: try "
        "datasets.*.source.revision: refs/convert/parquet"
    )


def test_a_file_that_is_gone_is_named(hub, noise, fetching):
    hub.fail("test-00001", status=404, headers={"X_Error_Code": "EntryNotFound"}, method="GET")

    told = refused(fetching, fetching.dataset, noise)

    assert "test-00001-of-00003.parquet" in told


# --- what passes


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("part", [LISTED, "/resolve/", "/test-0000"])
def test_what_passes_is_waited_for_as_long_as_the_hub_asks(hub, noise, fetching, status, part):
    hub.fail(part, status=status, times=2, headers={"Retry_After": "7"})

    assert fetching.dataset(noise)[1]["n"] == 12
    assert fetching.waits == [7.0, 7.0]


def test_a_rate_limit_is_waited_for_until_it_is_reset(hub, noise, fetching):
    spent = {"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    hub.fail(LISTED, status=429, times=1, headers=spent)

    assert fetching.dataset(noise)[1]["n"] == 12
    assert fetching.waits == [55.0]


def test_without_a_wish_of_the_hub_the_waits_double(hub, model, fetching):
    hub.fail(SHARD, status=503, times=2, method="GET")

    fetching.model(model)

    assert fetching.waits == [1.0, 2.0]


@pytest.mark.parametrize(("part", "fetch"), [(LISTED, "dataset"), (SHARD, "model")])
def test_what_does_not_pass_is_given_up_after_a_few_tries(hub, noise, model, fetching, part, fetch):
    hub.fail(part, status=503)

    told = refused(fetching, getattr(fetching, fetch), {"dataset": noise, "model": model}[fetch])

    assert "answers 503 (Service Unavailable), asked 3 times for " in told
    assert "Check the connection, or a proxy (HTTPS_PROXY), and run again; " in told
    assert fetching.waits == [1.0, 2.0]


def test_a_wait_that_is_too_long_is_told_and_not_waited(hub, noise, fetching):
    hub.fail(LISTED, status=429, headers={"Retry_After": "3600"})

    told = refused(fetching, fetching.dataset, noise)

    assert "answers 429 (Too Many Requests), and wants 3600 s of quiet, asked once for" in told
    assert fetching.waits == []


@pytest.mark.parametrize(
    "fault",
    [{"cut": 10_000}, {"cut": 0}, {"stall": True}],
    ids=["cut short", "cut at once", "stalled"],
)
def test_a_body_that_breaks_off_goes_on_from_there(hub, model, fetching, fault):
    fetching.timeout_s = 1.0
    hub.fail(f"/{SHARD}", method="GET", times=1, **fault)

    manifest = fetching.model(model)

    assert manifest["parameters"] > 0
    size = len(model.files[SHARD].data)
    sent = [asked for asked in hub.asked if asked.host == "storage" and SHARD in asked.path]
    assert [asked.bytes_range for asked in sent] == [None, f"bytes={fault.get('cut', 0)}-"]
    assert sum(asked.sent for asked in sent) == size


@pytest.mark.parametrize("fault", [{"cut": 100}, {"stall": True}], ids=["cut short", "stalled"])
def test_a_row_group_that_breaks_off_is_fetched_again(hub, noise, fetching, fault):
    fetching.timeout_s = 1.0
    hub.fail("/datasets/", times=2, **fault)

    assert fetching.dataset(noise)[1]["n"] == 12
    assert len(fetching.waits) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"cut": 0}, "breaks the connection"), ({"stall": True}, "does not answer in time")],
    ids=["cut short", "stalled"],
)
def test_a_body_that_always_breaks_off_is_given_up(hub, noise, model, fetching, fault, words):
    fetching.timeout_s = 0.2
    hub.fail("test-0000", **fault)
    hub.fail(SHARD, method="GET", **fault)

    for told in (
        refused(fetching, fetching.dataset, noise),
        refused(fetching, fetching.model, model),
    ):
        assert words in told
        assert "asked 3 times for " in told


def test_a_body_that_changes_while_it_is_read_is_not_patched_together(hub, model, fetching):
    hub.fail(f"/{SHARD}", method="GET", cut=1000, times=1)
    hub.fail(f"/{SHARD}", method="GET", status=200)

    told = refused(fetching, fetching.model, model)

    assert "answers 200 to the rest of it" in told


# --- what is not what it should be


def test_weights_with_another_hash_are_fetched_again(hub, model, fetching):
    hub.fail(f"/{SHARD}", damage=True, method="GET", times=1)

    assert fetching.model(model)["parameters"] > 0
    sent = [asked for asked in hub.asked if asked.host == "storage" and SHARD in asked.path]
    assert len(sent) == 2


@pytest.mark.parametrize("part", [f"/{SHARD}", "/config.json"])
def test_weights_that_never_have_their_hash_are_refused(hub, model, fetching, part):
    hub.fail(part, damage=True, method="GET")

    told = refused(fetching, fetching.model, model)

    assert told.startswith(
        f"model {model.name}: {part[1:]} does not have the content that the Hub announces, "
        "fetched 3 times: "
    )


def test_a_damaged_row_group_is_named(noise, fetching):
    for path, file in list(noise.files.items()):
        if path.endswith(".parquet"):
            footer = file.data[-20_000:]
            noise.put(path, file.data[:4] + bytes(len(file.data) - len(footer) - 4) + footer)

    told = refused(fetching, fetching.dataset, noise)

    assert "row group" in told
    assert "cannot be read" in told


@pytest.mark.parametrize(("part", "fetch"), [("test-00002", "dataset"), (SHARD, "model")])
def test_a_run_that_is_stopped_leaves_nothing_that_looks_finished(
    hub, noise, model, fetching, part, fetch
):
    class StoppedError(BaseException):
        pass

    def stop(_: float) -> None:
        raise StoppedError

    fetching.wait = stop
    hub.fail(part, cut=0, method="GET")

    with pytest.raises(StoppedError):
        getattr(fetching, fetch)({"dataset": noise, "model": model}[fetch])

    assert fetching.nothing_is_left()
