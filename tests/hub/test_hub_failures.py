"""A request that fails is retried, or ends in an error that says what to do."""

import pytest
from hubcontent import add_scienceqa

from vlmeter.errors import UserError

TOKEN = "hf_0123456789abcdefghijklmnopqrstuvwx"
LISTING = "/api/datasets/"
SHARD = "model-00002-of-00002.safetensors"


def catch_error(fetcher, fetch, *args, **source) -> str:
    """Return the message of a fetch that fails, after which there must be no result."""
    with pytest.raises(UserError) as raised:
        fetch(*args, **source)
    assert fetcher.has_no_result()
    assert "\n" not in str(raised.value)
    return str(raised.value)


# --- access


def test_a_repository_that_does_not_exist_or_is_private_is_reported(hub, noise, fetcher):
    noise.private = True

    message = catch_error(fetcher, fetcher.fetch_dataset, noise)

    assert message == (
        f"data set {noise.name}: the Hub has no such repository, or it is private (answer 401): "
        "check datasets.*.source.hub; for a private one set HF_TOKEN to a token that may read it."
    )
    assert fetcher.waits == []


def test_a_private_data_set_is_read_with_a_token(hub, noise, fetcher, monkeypatch):
    noise.private = True
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    assert fetcher.fetch_dataset(noise)[1]["n"] == 12


def test_an_invalid_token_is_reported(hub, model, fetcher, monkeypatch):
    hub.tokens.add("hf_another")
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    message = catch_error(fetcher, fetcher.fetch_model, model)

    assert message == (
        f"model {model.name}: the Hub does not know the token (answer 401): set HF_TOKEN to a "
        "valid one, or unset it and run `hf auth logout`."
    )


@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_error_of_a_gated_model_names_the_page_of_its_conditions(
    hub, model, fetcher, monkeypatch, token
):
    model.gated = True
    hub.tokens.add(TOKEN)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)

    message = catch_error(fetcher, fetcher.fetch_model, model)

    assert message == (
        f"model {model.name}: it is gated (answer {403 if token else 401}): accept its conditions "
        f"on {hub.url}/{model.name}, and set HF_TOKEN to a token of the account that accepted them."
    )


def test_a_gated_data_set_is_read_once_its_conditions_are_accepted(
    hub, noise, fetcher, monkeypatch
):
    noise.gated = True
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    page = f"{hub.url}/datasets/{noise.name}"
    assert f"accept its conditions on {page}" in catch_error(fetcher, fetcher.fetch_dataset, noise)

    hub.accepted.add(TOKEN)

    assert fetcher.fetch_dataset(noise)[1]["n"] == 12


def test_the_storage_never_sees_the_token(hub, noise, model, fetcher, monkeypatch, capfd):
    hub.tokens.add(TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    fetcher.fetch_dataset(noise)
    fetcher.fetch_model(model)

    assert {request.token for request in hub.requests if request.host == "hub"} == {TOKEN}
    assert {request.token for request in hub.requests if request.host == "storage"} == {None}
    written = b"".join(path.read_bytes() for path in fetcher.folder.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
    assert TOKEN not in "".join(capfd.readouterr())


# --- what no longer exists


def test_a_missing_revision_is_named(model, noise, fetcher):
    gone = "0" * 40
    assert catch_error(fetcher, fetcher.fetch_model, model, revision=gone) == (
        f"model {model.name}: it has no revision {gone} (any more): correct "
        "models.*.source.revision, or leave it out to take the newest."
    )
    assert catch_error(fetcher, fetcher.fetch_dataset, noise, revision=gone) == (
        f"data set {noise.name}: it has no revision {gone} (any more): correct "
        "datasets.*.source.revision, or leave it out to take the newest."
    )


def test_a_missing_split_configuration_or_column_is_named_with_the_existing_ones(noise, fetcher):
    assert catch_error(fetcher, fetcher.fetch_dataset, noise, split="val") == (
        f'data set {noise.name}: it has no split "val"; it has: test. '
        "Correct datasets.*.source.split."
    )
    assert catch_error(fetcher, fetcher.fetch_dataset, noise, config="large") == (
        f'data set {noise.name}: it has no configuration "large"; '
        "name one in datasets.*.source.config: default."
    )
    columns = {"image": "picture", "references": "key"}
    message = catch_error(fetcher, fetcher.fetch_dataset, noise, columns)
    assert message.endswith(
        'test-00000-of-00003.parquet has no column "picture"; it has: key, image, label, choices, '
        "other. Correct datasets.*.columns."
    )


def test_the_config_has_to_name_a_configuration_if_there_are_several(hub, fetcher):
    repo = add_scienceqa(hub, rows=6)

    assert catch_error(fetcher, fetcher.fetch_dataset, repo) == (
        f"data set {repo.name}: it has several configurations; "
        "name one in datasets.*.source.config: ScienceQA-FULL, ScienceQA-IMG."
    )


def test_the_configurations_are_those_of_the_asked_revision(hub, fetcher):
    repo = add_scienceqa(hub, rows=6)
    repo.branch = "older"

    message = catch_error(fetcher, fetcher.fetch_dataset, repo, revision="older")
    assert message.endswith("ScienceQA-FULL, ScienceQA-IMG.")


def test_a_data_set_that_is_no_parquet_is_refused_with_where_to_look(hub, name, fetcher):
    repo = hub.add("datasets", name, {"test.csv": b"key,image\n1,a.png\n"})

    assert catch_error(fetcher, fetcher.fetch_dataset, repo) == (
        f"data set {name}: its split is no parquet (test.csv), of which parts could be read: try "
        "datasets.*.source.revision: refs/convert/parquet, where the Hub keeps a copy of most data "
        "sets as parquet."
    )


def test_a_data_set_that_is_made_by_a_script_is_refused_and_the_script_is_not_run(
    hub, noise, fetcher
):
    noise.put(f"{noise.name.split('/')[1]}.py", b"raise SystemError('this ran')")

    assert catch_error(fetcher, fetcher.fetch_dataset, noise).startswith(
        f"data set {noise.name}: it is made by a script, which is not run: try "
        "datasets.*.source.revision: refs/convert/parquet"
    )


def test_a_missing_file_is_named(hub, noise, fetcher):
    hub.fail("test-00001", status=404, headers={"X_Error_Code": "EntryNotFound"}, method="GET")

    message = catch_error(fetcher, fetcher.fetch_dataset, noise)

    assert "test-00001-of-00003.parquet" in message


# --- temporary failures


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("part", [LISTING, "/resolve/", "/test-0000"])
def test_a_request_is_retried_after_the_wait_that_the_hub_demands(
    hub, noise, fetcher, status, part
):
    hub.fail(part, status=status, times=2, headers={"Retry_After": "7"})

    assert fetcher.fetch_dataset(noise)[1]["n"] == 12
    assert fetcher.waits == [7.0, 7.0]


def test_a_request_is_retried_when_the_rate_limit_is_reset(hub, noise, fetcher):
    headers = {
        "RateLimit": '"api";r=0;t=55',
        "RateLimit-Policy": '"fixed window";"api";q=500;w=300',
    }
    hub.fail(LISTING, status=429, times=1, headers=headers)

    assert fetcher.fetch_dataset(noise)[1]["n"] == 12
    assert fetcher.waits == [55.0]


def test_without_a_demand_of_the_hub_the_waits_double(hub, model, fetcher):
    hub.fail(SHARD, status=503, times=2, method="GET")

    fetcher.fetch_model(model)

    assert fetcher.waits == [1.0, 2.0]


@pytest.mark.parametrize(("part", "fetch"), [(LISTING, "fetch_dataset"), (SHARD, "fetch_model")])
def test_a_lasting_failure_is_given_up_after_a_few_attempts(
    hub, noise, model, fetcher, part, fetch
):
    hub.fail(part, status=503)

    message = catch_error(
        fetcher, getattr(fetcher, fetch), {"fetch_dataset": noise, "fetch_model": model}[fetch]
    )

    assert "answers 503 (Service Unavailable), asked 3 times for " in message
    assert "Check the connection, or a proxy (HTTPS_PROXY), and run again; " in message
    assert fetcher.waits == [1.0, 2.0]


def test_a_wait_that_is_too_long_is_reported_and_not_waited(hub, noise, fetcher):
    hub.fail(LISTING, status=429, headers={"Retry_After": "3600"})

    message = catch_error(fetcher, fetcher.fetch_dataset, noise)

    assert (
        "answers 429 (Too Many Requests), and demands a wait of 3600 s, asked once for" in message
    )
    assert fetcher.waits == []


@pytest.mark.parametrize(
    "fault",
    [{"cut": 10_000}, {"cut": 0}, {"stall": True}],
    ids=["cut short", "cut at once", "stalled"],
)
def test_a_body_is_resumed_where_the_connection_breaks(hub, model, fetcher, fault):
    fetcher.timeout_s = 1.0
    hub.fail(f"/{SHARD}", method="GET", times=1, **fault)

    manifest = fetcher.fetch_model(model)

    assert manifest["parameters"] > 0
    size = len(model.files[SHARD].data)
    sent = [
        request for request in hub.requests if request.host == "storage" and SHARD in request.path
    ]
    assert [request.bytes_range for request in sent] == [None, f"bytes={fault.get('cut', 0)}-"]
    assert sum(request.sent_bytes for request in sent) == size


@pytest.mark.parametrize("fault", [{"cut": 100}, {"stall": True}], ids=["cut short", "stalled"])
def test_a_row_group_is_fetched_again_if_the_connection_breaks(hub, noise, fetcher, fault):
    fetcher.timeout_s = 1.0
    hub.fail("/datasets/", times=2, **fault)

    assert fetcher.fetch_dataset(noise)[1]["n"] == 12
    assert len(fetcher.waits) == 2


@pytest.mark.parametrize(
    ("fault", "problem"),
    [({"cut": 0}, "breaks the connection"), ({"stall": True}, "does not answer in time")],
    ids=["cut short", "stalled"],
)
def test_a_body_that_never_completes_is_given_up(hub, noise, model, fetcher, fault, problem):
    fetcher.timeout_s = 0.2
    hub.fail("test-0000", **fault)
    hub.fail(SHARD, method="GET", **fault)

    for message in (
        catch_error(fetcher, fetcher.fetch_dataset, noise),
        catch_error(fetcher, fetcher.fetch_model, model),
    ):
        assert problem in message
        assert "asked 3 times for " in message


def test_parts_of_two_different_bodies_are_not_joined(hub, model, fetcher):
    hub.fail(f"/{SHARD}", method="GET", cut=1000, times=1)
    hub.fail(f"/{SHARD}", method="GET", status=200)

    message = catch_error(fetcher, fetcher.fetch_model, model)

    assert "answers 200 to the rest of it" in message


# --- damaged content


def test_weights_with_a_wrong_hash_are_fetched_again(hub, model, fetcher):
    hub.fail(f"/{SHARD}", damage=True, method="GET", times=1)

    assert fetcher.fetch_model(model)["parameters"] > 0
    sent = [
        request for request in hub.requests if request.host == "storage" and SHARD in request.path
    ]
    assert len(sent) == 2


@pytest.mark.parametrize("part", [f"/{SHARD}", "/config.json"])
def test_a_file_that_always_has_a_wrong_hash_is_refused(hub, model, fetcher, part):
    hub.fail(part, damage=True, method="GET")

    message = catch_error(fetcher, fetcher.fetch_model, model)

    assert message.startswith(
        f"model {model.name}: {part[1:]} does not have the content that the Hub announces, "
        "fetched 3 times: "
    )


def test_a_damaged_row_group_is_named(noise, fetcher):
    for path, file in list(noise.files.items()):
        if path.endswith(".parquet"):
            footer = file.data[-20_000:]
            noise.put(path, file.data[:4] + bytes(len(file.data) - len(footer) - 4) + footer)

    message = catch_error(fetcher, fetcher.fetch_dataset, noise)

    assert "row group" in message
    assert "cannot be read" in message


@pytest.mark.parametrize(
    ("part", "fetch"), [("test-00002", "fetch_dataset"), (SHARD, "fetch_model")]
)
def test_a_fetch_that_is_stopped_leaves_no_result(hub, noise, model, fetcher, part, fetch):
    class StoppedError(BaseException):
        pass

    def stop(_: float) -> None:
        raise StoppedError

    fetcher.wait = stop
    hub.fail(part, cut=0, method="GET")

    with pytest.raises(StoppedError):
        getattr(fetcher, fetch)({"fetch_dataset": noise, "fetch_model": model}[fetch])

    assert fetcher.has_no_result()
