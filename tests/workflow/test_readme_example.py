"""The example in config/README.md does what it says, as it is written."""

import csv
import re

import yaml
from PIL import Image
from studytree import REPOSITORY, Tree

from vlmeter.storage.parquet import read_table


def block(language: str) -> str:
    """The text of the only block in a language of the README's part on one's own data."""
    readme = (REPOSITORY / "config/README.md").read_text()
    part = readme.split("\n## Your own data\n")[1].split("\n## ")[0]
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    return text


def write_example(tree: Tree) -> str:
    """Write the table, the pictures that it names and the config; return the config's name."""
    config = yaml.safe_load(block("yaml"))
    folder = tree.path(config["datasets"]["shelf"]["source"]["path"])
    (folder / "more").mkdir(parents=True)
    (folder / "labels.csv").write_text(block("csv"))
    for row in csv.DictReader(block("csv").splitlines()):
        Image.new("RGB", (32, 24), "navy").save(folder / row["picture"])
    tree.path("my.yaml").write_text(block("yaml"))
    return "my.yaml"


def test_the_example_of_own_data_is_read_as_it_is_written(fresh: Tree) -> None:
    config = write_example(fresh)
    samples = "results/shelf/data/shelf/samples.parquet"

    made = fresh.run(samples, configfile=config)

    assert made.code == 0, made.text
    rows = read_table(fresh.path(samples))
    assert [(row["file"], row["question"], row["references"]) for row in rows] == [
        ("first.jpg", "What is on the shelf?", ["a cup"]),
        (
            "more/second.png",
            "Which colour is it, red or blue?",
            ["blue", "light blue", "turquoise"],
        ),
    ]
    plan = fresh.plan(configfile=config)
    assert {job["wildcards"]["cell"] for job in plan.jobs if job["rule"] == "run_inference"} == {
        "tiny-bs1-img224-len200-fp32-eager-cpu",
        "tiny-bs1-img224-len200-fp32-eager-cpu-prompt_family",
    }
    assert plan.count("download_dataset") == 0
    image = fresh.path("data/shelf/first.jpg")
    Image.new("RGB", (32, 24), "maroon").save(image)
    assert fresh.plan(configfile=config).count("download_dataset") == 1
