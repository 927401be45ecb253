"""The worked studies of `config/`, run whole on tiny models and local data instead of the Hub."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_study import STUDY
from studytree import Tree
from tiny_families import write_checkpoint

MEASURE = {
    **STUDY["measure"],
    # A cold start of the compiler on a shared machine.
    "timeout_s": 900,
    "energy": {**STUDY["measure"]["energy"], "cpu_power_w": 65, "ram_power_w": 5},
}
THREE = {"qwen2.5-vl-3b": "qwen2-5-vl", "smolvlm2-2.2b": "smolvlm", "internvl3-2b": "internvl"}
LEFT_OUT = {
    *("flex_attention", "sdpa_static", "sdpa_math", "int8", "int4", "fp8"),
    *("int8_vision", "int8_connector", "by_part"),
}
FEATURES = {
    "eager": "ok",
    "sdpa": "ok",
    "flash_attention_2": "unsupported",
    "mixed": "ok",
    "compile": "ok",
    "static_cache": "ok",
    "sdpa_int4": "ok",
}


def twin(tree: Tree, file: str, models: dict[str, str]) -> dict[str, Any]:
    """A worked study with tiny models, the demo's data and short windows, on the CPU."""
    values = yaml.safe_load(tree.path(f"config/{file}").read_text())
    assert set(values["models"]) == set(models)
    for name, family in models.items():
        values["models"][name]["source"] = {"path": tiny(tree, family)}
    (dataset,) = values["datasets"].values()
    dataset["source"] = {"path": "demo/data/textvqa.parquet"}
    dataset |= {"sample": {"n": 3, "seed": 0}, "max_new_tokens": 4}
    values["base"] |= {"device": "cpu", "image_size": 56, "max_input_len": 60}
    values["measure"] = MEASURE
    values.setdefault("report", {})["bootstrap_resamples"] = 100
    return values


def tiny(tree: Tree, family: str, name: str | None = None) -> str:
    """Write a family's tiny checkpoint into the tree, under another name than its own if given."""
    write_checkpoint(family, tree.path(f"tiny/{name or family}"))
    return f"tiny/{name or family}"


def plant_fault_of_padding(folder: Path) -> None:
    """Let a checkpoint's tokenizer pad with the token that ends an answer, and name no mask.

    What generates cannot tell then what is padding, and reads all of it.
    """
    file = folder / "tokenizer_config.json"
    content = json.loads(file.read_text("utf-8"))
    content |= {"pad_token": "</s>", "model_input_names": ["input_ids"]}
    file.write_text(json.dumps(content), "utf-8")


def read_answers_changed(report: str, section: str) -> dict[tuple[str, str], int]:
    """Return how many answers a section says were changed, by its two varied values."""
    parts = re.split(r"\n#{2,3} ", report)
    (part,) = (each for each in parts if re.match(rf"\d+\) {section}\n", each))
    tables = [block.splitlines() for block in part.split("\n\n") if block.startswith("|")]
    (table,) = (lines for lines in tables if "Answers changed" in lines[0])
    names, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    place = names.index("Answers changed")
    return {(row[0], row[1]): int(row[place].split()[0]) for row in rows}


def records(tree: Tree, study: str, axis: str) -> dict[str, dict[str, Any]]:
    """The records of a study by the value of one axis."""
    paths = tree.path(f"results/{study}/cells").glob("*/*/record.json")
    read = [json.loads(path.read_text()) for path in paths]
    return {record["cell"][axis]: record for record in read}


@pytest.fixture
def run(fresh: Tree) -> Any:
    """Run a study in the tree, and return what its report says."""

    def done(values: dict[str, Any]) -> str:
        fresh.write_config(values)
        outcome = fresh.run()
        assert outcome.code == 0, outcome.text
        return Path(fresh.path(f"results/{values['study']}/report.md")).read_text(encoding="utf-8")

    return done


def test_families_are_compared_through_every_rule(fresh: Tree, run: Any) -> None:
    values = twin(fresh, "three-models.yaml", THREE)
    lacking = fresh.path("tiny/lacking")
    lacking.mkdir(parents=True)
    (lacking / "config.json").write_text(json.dumps({"model_type": "llama4"}))
    values["models"]["lacking"] = {"source": {"path": "tiny/lacking"}}
    models, tokens, batches = values["sections"]
    models["vary"]["model"].append("lacking")
    tokens["vary"] = {"model": ["internvl3-2b"], "max_image_tokens": [0, 4]}
    faulty = tiny(fresh, "qwen2-5-vl", "unmasked")
    plant_fault_of_padding(fresh.path(faulty))
    values["models"]["unmasked"] = {"source": {"path": faulty}}
    batches["vary"] = {"model": ["qwen2.5-vl-3b", "unmasked"], "batch_size": [1, 8]}

    report = run(values)

    changed = read_answers_changed(report, "Batch size")
    assert changed["qwen2.5-vl-3b", "8"] == 0
    assert changed["unmasked", "8"] > changed["unmasked", "1"]
    by_tokens = records(fresh, "three-models", "max_image_tokens")
    assert by_tokens[4]["input"]["image_tokens_max"] == 4
    by_model = records(fresh, "three-models", "model")
    assert set(by_model) == {*THREE, "lacking", "unmasked"}
    refused = by_model.pop("lacking")
    assert refused["status"] == "unsupported"
    assert "type llama4: it needs torchvision, which is not installed" in refused["reason"]
    assert "run `make setup-video` and run again" in refused["reason"]
    assert {name: record["status"] for name, record in by_model.items()} == dict.fromkeys(
        by_model, "ok"
    )
    for name, record in by_model.items():
        assert record["wer_value"] is not None, name
        assert record["flops_detail"]["decode_step"] > 0, name
        assert name in report
    assert "torchvision" in report
    assert "HuggingFaceTB/SmolVLM2-2.2B-Instruct" in report
    layers = fresh.path("results/three-models/layers.csv").read_text()
    assert all(name in layers for name in THREE)


def test_one_model_runs_under_every_optimisation(fresh: Tree, run: Any) -> None:
    values = twin(fresh, "optimizations.yaml", {"blip2-opt-2.7b": "blip2-opt"})
    # Those left out differ from these by what `tests/families` runs. On a CPU torch 2.13 compiles
    # flex_attention for half a minute, and then fails at decode steps.
    for section in values["sections"]:
        names = section["vary"]["optimization"]
        section["vary"] = {"optimization": [name for name in names if name not in LEFT_OUT]}

    report = run(values)

    by_optimization = records(fresh, "optimizations", "optimization")
    assert {name: record["status"] for name, record in by_optimization.items()} == FEATURES
    refused = by_optimization.pop("flash_attention_2")
    assert refused["reason"].startswith("flash_attention_2: ")
    assert refused["reason"] in report
    assert len({record["flops"] for record in by_optimization.values()}) == 1
    models = {name: record["model"] for name, record in by_optimization.items()}
    kernels = {name: model["kernels"] for name, model in models.items()}
    assert kernels["mixed"]["qformer"] == kernels["eager"]["qformer"]
    assert kernels["mixed"]["vision"] == kernels["sdpa"]["vision"] == ["sdpa flash"]
    assert all("compiled" in ran for ran in kernels["compile"].values())
    compiled = by_optimization["compile"]["compile"]
    # Of a vision layer, of Q-Former layers with and without cross attention, of a decoder layer.
    assert (compiled["graphs"], compiled["graph_breaks"], compiled["recompiles"]) == (4, 0, 0)
    assert (compiled["form"], compiled["compiled_modules"]) == ("regional", 6)
    ran_int4 = [stage for stage, ran in kernels["sdpa_int4"].items() if "int4 matmul" in ran]
    assert ran_int4 == ["prefill"]
    assert models["static_cache"]["cache"] == "StaticCache"
    assert all(model["not_as_asked"] == [] for model in models.values())
    assert "Quantisation" in report
