"""Results whose folder has no records of Snakemake are checked by the keys that lie beside them."""

import os
import shutil

import pytest
from small_study import (
    AFTER_MEASURING,
    CELLS,
    CUDA_CELL,
    LAYERS,
    REPORT,
    RESULTS,
    cell_id,
    inference,
    scores,
)
from studytree import Tree

from vlmeter.storage.files import json_digest, read_json, write_placed_json

COCO_CELLS = [cell for cell in CELLS if cell[0] == "coco"]
COCO_IMAGES = {("preprocess_images", "coco", size) for size in ("224", "336")}
OPENED = [cell for cell in CELLS if cell != CUDA_CELL]
EVERYTHING = inference(CELLS) | {LAYERS, ("measure_control",)}
DERIVED = scores(CELLS) | AFTER_MEASURING - {("measure_control",)}
"""What takes moments, and is made again because nobody knows for what it was made."""


@pytest.fixture
def copied(tree: Tree) -> Tree:
    """A finished study whose results were copied without Snakemake's records."""
    shutil.rmtree(tree.path(".snakemake"))
    return tree


def test_the_same_config_measures_nothing_again(copied: Tree) -> None:
    assert copied.plan().names == DERIVED

    assert copied.run().code == 0
    assert copied.plan().names == set()


def test_another_window_measures_all_again(copied: Tree) -> None:
    with copied.config() as config:
        config["measure"]["window_s"] = 0.06

    assert copied.plan().names == DERIVED | EVERYTHING


def test_another_sample_draws_it_and_measures_its_cells(copied: Tree) -> None:
    with copied.config() as config:
        config["datasets"]["coco"]["sample"]["n"] = 3

    again = {("download_dataset", "coco"), ("measure_control",)} | COCO_IMAGES
    assert copied.plan().names == DERIVED | again | inference(COCO_CELLS)


def test_an_answer_length_measures_the_cells_of_its_data_set(copied: Tree) -> None:
    with copied.config() as config:
        config["datasets"]["coco"]["max_new_tokens"] = 3

    again = {("measure_control",)} | inference(COCO_CELLS)
    assert copied.plan().names == DERIVED | again


def test_other_weights_are_stored_and_measured(copied: Tree) -> None:
    copied.append("demo/model/model.safetensors", "another weight")

    again = {("fetch_model", "tiny", "fp32"), LAYERS, ("measure_control",)} | inference(OPENED)
    assert copied.plan().names == DERIVED | again


def test_another_way_to_bring_images_to_a_size_measures_what_reads_them(copied: Tree) -> None:
    copied.edit(
        "src/vlmeter/data/preprocess_images.py", "_QUEUED_PER_CORE = 4", "_QUEUED_PER_CORE = 5"
    )

    images = {("preprocess_images", *rest) for rest in (("coco", "224"), ("coco", "336"))}
    images |= {("preprocess_images", "textvqa", size) for size in ("224", "336")}
    assert copied.plan().names == DERIVED | EVERYTHING | images


def test_a_section_alone_measures_its_own_stale_cells(copied: Tree) -> None:
    with copied.config() as config:
        config["measure"]["window_s"] = 0.06

    in_section = [cell for cell in CELLS if cell[0] == "textvqa" and "-img224-" in cell[1]]
    in_batch = [cell for cell in in_section if cell != CUDA_CELL]
    assert copied.plan("batch").names == inference(in_batch) | scores(in_batch)


def test_results_without_keys_are_made_again_where_nobody_knows_of_them(tree: Tree) -> None:
    shutil.rmtree(tree.result("attempts"))
    assert tree.plan().names == set()

    shutil.rmtree(tree.path(".snakemake"))
    sources = {("download_dataset", "coco"), ("download_dataset", "textvqa")}
    sources |= {
        ("preprocess_images", name, size) for name in ("coco", "textvqa") for size in ("224", "336")
    }
    assert tree.plan().names >= DERIVED | EVERYTHING | sources | {("fetch_model", "tiny", "fp32")}


CELL = ("textvqa", cell_id(batch_size=2))
FROM_ELSEWHERE = {
    f"cells/{'/'.join(CELL)}/measurement.json": inference([CELL])
    | scores([CELL])
    | AFTER_MEASURING,
    f"cells/{'/'.join(CELL)}/record.json": scores([CELL]) | REPORT,
    "data/coco/samples.json": {("download_dataset", "coco")}
    | COCO_IMAGES
    | inference(COCO_CELLS)
    | scores(COCO_CELLS)
    | AFTER_MEASURING,
}
"""Files that may come from another study with the same cells and samples, and what then runs."""


@pytest.mark.parametrize("name", FROM_ELSEWHERE)
def test_a_file_of_another_study_in_its_place_is_made_again(tree: Tree, name: str) -> None:
    path = tree.result(name)
    times = path.stat()
    write_placed_json(path, read_json(path), json_digest("another study"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert tree.plan().names == FROM_ELSEWHERE[name]


def test_another_clone_goes_on_with_them(finished: Tree, fresh: Tree) -> None:
    shutil.copytree(finished.path(RESULTS), fresh.path(RESULTS))

    assert fresh.plan().names == DERIVED

    with fresh.config() as config:
        config["measure"]["seed"] = 1
    assert fresh.plan().names >= DERIVED | EVERYTHING
