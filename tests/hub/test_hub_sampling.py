"""Only the row groups that the seed picks are fetched from a data set on the Hub."""

import io
import unicodedata

import pyarrow.parquet as pq
import pytest
from hubcontent import SCIENCEQA, TEXTVQA, add_coco, add_noise, add_scienceqa, add_textvqa

from vlmeter.data.job import DataSource
from vlmeter.data.parquet_files import RowGroup
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.data.source import draw_sample, open_source
from vlmeter.errors import UserError
from vlmeter.storage.files import read_json


def pick_groups(repo, columns, n=12, seed=0) -> list[RowGroup]:
    source = DataSource(hub=repo.name, split="test")
    return list(draw_sample(open_source(source), columns, n, seed).groups)


def test_hardly_more_than_the_picked_row_groups_is_fetched(hub, name, fetcher):
    columns = ["image", "key"]
    noise = add_noise(hub, name, row_bytes=120_000)
    groups = pick_groups(noise, columns)
    hub.requests.clear()

    samples, _ = fetcher.fetch_dataset(noise)

    assert len(samples) == 12
    assert len(groups) == 2
    assert {sample["id"] for sample in samples} <= {
        str(group.first_row + row) for group in groups for row in range(group.rows)
    }
    group_bytes = sum(group.compressed_bytes for group in groups)
    # With the footers, the listings and the card.
    sent_bytes = sum(request.sent_bytes for request in hub.requests)
    assert group_bytes < sent_bytes <= 1.2 * group_bytes
    repository_bytes = sum(len(file.data) for file in noise.files.values())
    assert sent_bytes < repository_bytes / 4


def test_columns_that_are_not_read_are_not_fetched(hub, noise, fetcher):
    fetcher.fetch_dataset(noise)
    two_columns = hub.count_sent_bytes(noise.name, ".parquet")
    hub.requests.clear()

    fetcher.fetch_dataset(
        noise, columns={"image": "image", "references": "key", "context": "other"}
    )

    assert hub.count_sent_bytes(noise.name, ".parquet") > 1.2 * two_columns


def test_the_same_seed_takes_the_same_rows_from_the_hub_and_from_disk(hub, noise, fetcher):
    folder = fetcher.folder / "own"
    folder.mkdir()
    for path, file in noise.files.items():
        if path.endswith(".parquet"):
            (folder / path.split("/")[-1]).write_bytes(file.data)

    from_hub, manifest = fetcher.fetch_dataset(noise)
    again, same_manifest = fetcher.fetch_dataset(noise)
    from_disk, disk_manifest = fetcher.fetch_dataset(noise, hub=None, split=None, path=str(folder))
    other, _ = fetcher.fetch_dataset(noise, sample={"n": 12, "seed": 1})

    assert from_hub == again == from_disk
    assert manifest == same_manifest
    assert manifest["sha256"] == disk_manifest["sha256"]
    assert manifest["sample"] == {"n": 12, "seed": 0}
    assert {row["id"] for row in other} != {row["id"] for row in from_hub}


def test_the_hub_s_parquet_copy_of_a_data_set_can_be_read(hub, noise, name, fetcher):
    parts = [file.data for path, file in noise.files.items() if path.endswith(".parquet")]
    files = {f"default/test/{number:04}.parquet": data for number, data in enumerate(parts)}
    copy = hub.add("datasets", f"{name}-copied", files)
    copy.branch = "refs/convert/parquet"

    samples, manifest = fetcher.fetch_dataset(copy, revision="refs/convert/parquet")

    assert samples == fetcher.fetch_dataset(noise)[0]
    assert manifest["revision"] == copy.commit


def test_a_sample_larger_than_the_split_is_the_whole_split(hub, name, fetcher):
    small = add_noise(hub, name, files=2, groups=2, rows=3, row_bytes=100)

    samples, manifest = fetcher.fetch_dataset(small, sample={"n": 300, "seed": 5})

    assert [sample["id"] for sample in samples] == [str(number) for number in range(12)]
    assert manifest["n"] == 12


def test_without_a_revision_the_newest_commit_is_used_and_kept(hub, noise, fetcher):
    _, manifest = fetcher.fetch_dataset(noise)
    first = noise.commit
    assert manifest["revision"] == first

    noise.commit = "e" * 40

    with pytest.raises(UserError, match=f"it has no revision {first}"):
        fetcher.fetch_dataset(noise)


def test_a_listing_of_several_pages_is_read_to_its_end(hub, name, fetcher):
    repo = add_noise(hub, name, files=7, groups=1, rows=2, row_bytes=100)
    hub.page_size = 3

    samples, _ = fetcher.fetch_dataset(repo, sample={"n": 100, "seed": 0})

    assert len(samples) == 14
    assert any("cursor=6" in request.query for request in hub.requests)


@pytest.fixture
def coco(hub, fetcher):
    repo = add_coco(hub, rows=12)
    columns = {"id": "question_id", "image": "image", "references": "answer"}
    sample = {"n": 300, "seed": 0}
    return repo, *fetcher.fetch_dataset(repo, columns, sample, split="val", revision=repo.commit)


def test_captions_keep_their_quotes_newlines_and_scripts(coco):
    _, samples, _ = coco
    references = {sample["id"]: sample["references"] for sample in samples}
    assert ['A sign that says "stop".', "a sign\nthat says stop"] in references.values()
    assert ["一只红色的鸟在树上。", "Красная птица на дереве", "طائر أحمر"] in references.values()


def test_rows_of_coco_without_image_or_caption_are_named(coco):
    _, _, manifest = coco
    assert {bad["id"]: bad["reason"] for bad in manifest["bad_samples"]} == {
        "without-image.jpg": "has no image",
        "without-captions.jpg": "has no reference: every expected text is empty",
        "empty-caption.jpg": "has no reference: every expected text is empty",
    }


def test_images_have_the_bytes_that_the_hub_has(coco):
    repo, samples, _ = coco
    on_hub = {}
    for path, file in repo.files.items():
        if "/val-" in path:
            for row in pq.read_table(io.BytesIO(file.data)).to_pylist():
                on_hub[row["question_id"]] = row["image"]
    for sample in samples:
        assert sample["image"] == on_hub[sample["id"]]["bytes"]


def test_an_image_of_every_kind_becomes_a_square(coco, fetcher):
    _, samples, _ = coco
    images = fetcher.folder / "images.json"

    preprocess_images(fetcher.manifest, 32, images.with_suffix(".parquet"), images)

    manifest = read_json(images)
    assert manifest["n"] == len(samples)
    assert [bad["id"] for bad in manifest["bad_samples"]] == [
        "without-image.jpg",
        "without-captions.jpg",
        "empty-caption.jpg",
    ]


def test_a_configuration_of_the_card_is_read(hub, fetcher):
    repo = add_scienceqa(hub, rows=8)
    columns = {"image": "image", "choices": "choices", "answer_index": "answer", "context": "hint"}
    sample = {"n": 50, "seed": 0}

    samples, manifest = fetcher.fetch_dataset(
        repo, columns, sample, task="multiple_choice", config="ScienceQA-IMG"
    )

    assert [(len(row["choices"]), row["references"]) for row in samples[:2]] == [
        (5, ["often"]),
        (2, ["true"]),
    ]
    assert samples[2]["context"] == 'Read this.\n"Quoted", with a comma\tand a tab.'
    assert [bad["reason"] for bad in manifest["bad_samples"]] == [
        f"answer index 7 is not among its {len(samples[3]['choices'])} choices",
        "has an empty text as its right choice 0",
    ]
    assert {path.split("-0")[0] for path in list_requested_parquet(hub, SCIENCEQA)} == {
        "ScienceQA-IMG/test"
    }


def test_rows_of_the_full_configuration_without_an_image_are_named(hub, fetcher):
    repo = add_scienceqa(hub, rows=8)
    columns = {"image": "image", "choices": "choices", "answer_index": "answer"}

    _, manifest = fetcher.fetch_dataset(
        repo, columns, {"n": 50, "seed": 0}, task="multiple_choice", config="ScienceQA-FULL"
    )

    assert manifest["bad_samples"] == [{"id": "row-8", "reason": "has no image"}]


def test_empty_answers_of_textvqa_are_left_out(hub, fetcher):
    repo = add_textvqa(hub, rows=6)
    columns = {"id": "question_id", "image": "image", "question": "question"}
    sample = {"n": 300, "seed": 0}

    samples, manifest = fetcher.fetch_dataset(
        repo, {**columns, "references": "answers"}, sample, split="validation"
    )

    assert [len(row["references"]) for row in samples] == [9, 10, 10, 10, 10, 10]
    assert samples[1]["question"] == "what does “Größe” mean, and 大小?"
    assert [bad["id"] for bad in manifest["bad_samples"]] == ["999999"]
    assert {path.split("-")[0] for path in list_requested_parquet(hub, TEXTVQA)} == {
        "data/validation"
    }


def list_requested_parquet(hub, name) -> set[str]:
    files = {request.file for request in hub.requests if request.file is not None}
    return {path for repo, path in files if repo == name and path.endswith(".parquet")}


def test_the_licence_of_the_card_is_kept(hub, noise, name, fetcher):
    assert fetcher.fetch_dataset(noise)[1]["licence"] is None

    files = {path: file.data for path, file in noise.files.items() if path != "README.md"}
    card = b"---\nlicense: [cc-by-4.0, mit]\n---\n"
    licensed = hub.add("datasets", f"{name}-licensed", {**files, "README.md": card})

    assert fetcher.fetch_dataset(licensed)[1]["licence"] == "cc-by-4.0, mit"


def test_a_column_of_numbers_is_compared_as_text(noise, fetcher):
    samples, _ = fetcher.fetch_dataset(noise)

    assert all(sample["references"] == [sample["id"]] for sample in samples)


def test_a_class_label_is_its_name_as_a_text_and_its_number_as_an_index(noise, fetcher):
    columns = {"id": "key", "image": "image"}
    texts, _ = fetcher.fetch_dataset(noise, {**columns, "references": "label"})
    chosen, _ = fetcher.fetch_dataset(
        noise,
        {**columns, "choices": "choices", "answer_index": "label"},
        task="multiple_choice",
    )

    for sample, choice in zip(texts, chosen, strict=True):
        animal = ["cat", "dog"][int(sample["id"]) % 2]
        assert sample["references"] == [animal]
        assert choice["references"] == [f"a {animal}"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_configuration_and_a_split_are_named_in_either_form_of_unicode(hub, name, fetcher, form):
    repo = add_noise(hub, name, config="français", split="épreuve", other_configs=["anglais"])
    source = {"config": "français", "split": "épreuve"}
    named = {key: unicodedata.normalize(form, value) for key, value in source.items()}
    assert len(fetcher.fetch_dataset(repo, **named)[0]) == 12
    with pytest.raises(UserError, match='has no split "epreuve"'):
        fetcher.fetch_dataset(repo, config=named["config"], split="epreuve")
