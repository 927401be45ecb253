"""`make measurements` on a small stand-in: CUDA events and NVML are fakes, all else is real."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from studytree import REPOSITORY, Tree, fork_jobs

STANDIN: dict[str, Any] = {
    "study": "standin",
    "models": {"small": {"source": {"path": "demo/model"}, "weights": "random"}},
    "datasets": {"short": {"source": {"synthetic": {"text_tokens": 9}}, "sample": {"n": 2}}},
    "base": {"model": "small", "device": "cuda", "dtype": "fp32", "max_input_len": 200},
    "sections": [
        {
            "name": "optimization",
            "datasets": ["short"],
            "vary": {"optimization": ["eager", "flash_attention_2"]},
        },
        {"name": "device", "datasets": ["short"], "vary": {"device": ["cuda", "cpu"]}},
    ],
    "layers": {"dataset": "short", "grids": [{"vary": {"batch_size": [1]}}], "iterations": 2},
    "measure": {
        "window_s": 0.1,
        "min_iterations": 2,
        "repeats": 2,
        "max_warmup_s": 3.0,
        "batches": 2,
        "cpu_threads": 1,
        "energy": {"window_s": 1.1, "min_counter_updates": 5, "idle_window_s": 1.1},
    },
}
CELL = "small-bs1-img224-len200-fp32-{}-{}"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A folder in which `make measurements` has run on the stand-in."""
    tree = Tree.new(tmp_path_factory.mktemp("gpu-study") / "tree")
    shutil.copy2(REPOSITORY / "Makefile", tree.folder)
    tree.write_config(STANDIN, "standin.yaml")
    # The environment that the tests run in serves: nothing is to be installed.
    installed = f"{sys.prefix}/.installed"
    done = subprocess.run(
        ["make", "-o", installed, f"VENV={sys.prefix}", "MEASURED=standin.yaml", "measurements"],
        cwd=tree.folder,
        env=fork_jobs(tree.environment("cuda")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return tree


@pytest.fixture(scope="module")
def kept(study: Tree) -> Path:
    """What the documentation keeps of it."""
    return study.path("docs/measurements/test-gpu/standin")


@pytest.fixture(scope="module")
def cells(kept: Path) -> "pd.DataFrame":
    """Its summary by cell."""
    return pd.read_csv(kept / "summary.csv").set_index("cell")


def test_report_figures_and_tables_are_kept_under_the_gpu_s_name(kept: Path) -> None:
    assert "[report.md](test-gpu/standin/report.md)" in (kept.parents[1] / "README.md").read_text()
    names = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()}
    assert names >= {"report.md", "study.html", "summary.csv", "layers.csv", "machine.json"}
    assert names >= {f"figures/{name}.svg" for name in ("optimization", "device", "layers")}


def test_a_cell_on_the_gpu_is_timed_by_events_and_its_energy_counted_by_nvml(
    cells: "pd.DataFrame",
) -> None:
    gpu, cpu = (cells.loc[CELL.format("eager", device)] for device in ("cuda", "cpu"))
    assert (gpu["latency_clock"], cpu["latency_clock"]) == ("cuda_events", "perf_counter_ns")
    assert gpu["latency"] > 0
    assert (gpu["energy_gpu_kind"], gpu["energy_cpu_kind"]) == ("measured", "modelled")
    # 300 W by a counter that moves every 100 ms, over two rounds of 0.55 s.
    assert gpu["power_gpu_w"] == pytest.approx(300, rel=0.04)
    parts = [f"energy_{part}_j" for part in ("cpu", "gpu", "ram")]
    assert gpu["energy"] == pytest.approx(gpu[parts].sum())
    assert gpu["energy_gpu_j"] > 0.7 * gpu["energy"], "it draws 300 W of about 370"
    assert pd.isna(cpu["energy_gpu_j"])
    assert gpu["machine_gpus"] == "Test GPU"
    assert gpu["peak_allocated_bytes"] == 3 << 20
    assert cpu["weights_bytes"] < cpu["peak_allocated_bytes"] < cpu["peak_rss_bytes"]


def test_what_decides_a_gpu_s_figures_is_in_its_record_and_the_report(
    cells: "pd.DataFrame", kept: Path
) -> None:
    gpu, cpu = (cells.loc[CELL.format("eager", device)] for device in ("cuda", "cpu"))
    settings = json.loads(gpu["cuda_settings"])
    assert (settings["capability"], settings["matmul_fp32"]) == ("9.0", "ieee")
    assert settings["convolution_fp32"] == "tf32"
    assert pd.isna(cpu["cuda_settings"])
    assert gpu["torch_settings"] == cpu["torch_settings"]
    text = (kept / "report.md").read_text()
    assert "compute capability 9.0; fp32 products: ieee, fp32 convolutions: tf32" in text


def test_the_gpu_is_watched_while_it_works_and_its_power_cap_is_named(
    cells: "pd.DataFrame", kept: Path
) -> None:
    gpu, cpu = (cells.loc[CELL.format("eager", device)] for device in ("cuda", "cpu"))
    assert (gpu["gpu_clock_mhz"], gpu["gpu_memory_clock_mhz"]) == (1410, 1410)
    assert (gpu["gpu_temperature_c"], gpu["gpu_power_limit_w"]) == (61, 300)
    assert gpu["gpu_throttle_reasons"] == "sw_power_cap"
    assert "power limit of 300 W held the clock down" in (kept / "report.md").read_text()
    assert pd.isna(cpu["gpu_clock_mhz"])
    assert pd.isna(cpu["gpu_throttle_reasons"])
    assert gpu["device_used_before_bytes"] == 1 << 30


def test_the_gpu_s_peak_is_measured_and_its_use_reported(cells: "pd.DataFrame", kept: Path) -> None:
    machine = json.loads((kept / "machine.json").read_text())
    (gpu,) = machine["gpus"]
    assert {"cpu-fp32", f"{gpu['uuid']}-fp32"} == set(machine["peak_flop_per_s"])
    assert machine["peak_reason"] == {}
    assert machine["energy"]["idle"]["power_w"]["gpu0"] == pytest.approx(300, rel=0.04)
    assert cells.loc[CELL.format("eager", "cuda")]["utilisation"] > 0


def test_the_layers_of_a_gpu_cell_add_up_in_both_phases(kept: Path, cells: "pd.DataFrame") -> None:
    layers = pd.read_csv(kept / "layers.csv")
    step = layers["stage"] == "decode"
    assert layers[~step]["share"].sum() == pytest.approx(1.0)
    assert layers[step]["share"].sum() == pytest.approx(1.0)
    flops = cells.loc[CELL.format("eager", "cuda")]["flops"]
    assert layers[~step]["flops"].sum() == flops


def test_random_weights_answer_nothing_and_flash_attention_is_refused(
    cells: "pd.DataFrame", kept: Path
) -> None:
    assert cells["wer_value"].isna().all()
    assert cells.loc[CELL.format("flash_attention_2", "cuda")]["status"] == "unsupported"
    text = (kept / "report.md").read_text()
    assert "not measured: random weights" in text
    assert "does not support Flash Attention 2" in text
