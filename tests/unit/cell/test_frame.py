"""Whatever happens to a cell, it leaves a status and a note of the try."""

import os

import pyarrow.parquet as pq
import pytest

from vlmeter.cell.profile_layers import COLUMNS, profile_layers
from vlmeter.cell.run_inference import run_inference
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.machine.devices import cpu_threads
from vlmeter.storage.files import check_whole, read_json

JOB = {
    "cell": {
        "id": "m-bs1",
        "dataset": "photos",
        "axes": {"model": "m", "device": "cpu", "batch_size": 1},
        "gpus": 0,
        "optimization": {"attention": "eager", "compile": None},
        "measure": {"cpu_threads": 3},
    },
    "attempt": {"count": 2, "key": "k", "note": "attempts/cells/photos/m-bs1.json"},
}


@pytest.fixture
def cell_job(run_python, tmp_path):
    """Run a body as a cell's work; return its status, the note of the try and the process."""

    def run(
        body, inputs="{'images': 'i', 'model': 'm'}", timeout_s=20, device="cpu", before="pass"
    ):
        axes = {**JOB["cell"]["axes"], "device": device}
        job = {**JOB, "cell": {**JOB["cell"], "axes": axes}}
        done = run_python(
            "import json, os, pathlib, signal, sys, time\n"
            "from dataclasses import asdict\n"
            "from vlmeter.cell.frame import run_cell_job\n"
            "from vlmeter.errors import UserError\n"
            "from vlmeter.status import UnavailableError, UnsupportedError\n"
            "from vlmeter.storage.files import write_json\n"
            "status = pathlib.Path('status.json')\n"
            f"{before}\n"
            f"def work():\n    {body}\n"
            "def write_failure(failure):\n    write_json(status, asdict(failure))\n"
            f"run_cell_job({job!r}, {inputs}, status, {timeout_s}, work, write_failure)\n"
            "print(os.environ.get('HF_HUB_OFFLINE'))\n"
        )
        assert done.returncode == 0, done.stderr
        note = tmp_path / JOB["attempt"]["note"]
        return read_json(tmp_path / "status.json"), read_json(note), done

    return run


WELL = "write_json(status, {'status': 'ok'})"


def test_a_cell_that_goes_well_notes_its_try(cell_job):
    status, note, _ = cell_job(WELL)
    assert status == {"status": "ok"}
    assert note == {
        "key": "k",
        "count": 2,
        "status": "ok",
        "devices": [],
        "taken": [],
        "timed_out_s": None,
    }


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        ("UnsupportedError('no flash')", "unsupported", "no flash"),
        ("UnavailableError('no CUDA device')", "unavailable", "no CUDA device"),
        ("MemoryError('too much')", "out_of_memory", "too much"),
        ("KeyError('lost')", "error", "KeyError: 'lost'"),
        ("UserError('m.json is cut: delete it.')", "error", "m.json is cut: delete it."),
    ],
)
def test_an_exception_is_a_status(cell_job, error, status, reason):
    told, note, done = cell_job(f"raise {error}")
    assert (told["status"], told["reason"], note["status"]) == (status, reason, status)
    assert reason in done.stderr
    assert (told["traceback"] is not None) == ("lost" in error)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "killed by SIGKILL, as the system does when memory runs out",
        ),
        ("os._exit(5)", "ended with exit code 5"),
        ("time.sleep(60)", "took longer than the 1 s of measure.timeout_s"),
        (f"{WELL}; os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
    ],
)
def test_a_death_is_a_crash(cell_job, body, reason):
    told, note, done = cell_job(body, timeout_s=1 if "sleep" in body else 20)
    assert (told["status"], told["reason"], note["status"]) == ("crashed", reason, "crashed")
    assert note["timed_out_s"] == (1 if "sleep" in body else None)
    assert done.stderr == f"crashed: {reason}\n"


def test_a_device_that_is_missing_needs_no_child(cell_job, tmp_path):
    told, note, _ = cell_job("pathlib.Path('ran').touch()", inputs="{'images': 'i'}")
    reason = "this machine had no cpu device when the run began"
    assert (told["status"], told["reason"]) == ("unavailable", reason)
    assert note["status"] == "unavailable"
    assert not (tmp_path / "ran").exists()


def test_a_gpu_that_went_since_the_run_began_is_told_without_a_child(unavailable, tmp_path):
    outputs = {"table": "l/a.csv", "record": "l/a.json"}
    profile_layers(unavailable, {"images": "i", "model": "m"}, outputs, 20)
    told = read_json(tmp_path / "l/a.json")
    assert (told["status"], told["reason"]) == ("unavailable", "this machine has no cuda device")


TWO_GPUS = (
    "from vlmeter.machine import devices, gpu_state as gpustate\n"
    "from vlmeter.machine.description import Gpu\n"
    "gpus = [Gpu(n, 'H200', f'GPU-{n}', 1, '580') for n in (0, 1)]\n"
    "devices.visible_gpus = lambda: gpus\n"
    "gpustate.occupations = lambda: {'GPU-1': 'others have GPU 1', 'GPU-0': 'and GPU 0'}\n"
    "devices.show_only(['GPU-1'])"
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("MemoryError('CUDA out of memory')", "CUDA out of memory; others have GPU 1"),
        ("UnavailableError('GPU busy')", "GPU busy; others have GPU 1"),
        ("UnsupportedError('no flash')", "no flash"),
    ],
)
def test_who_has_the_cell_s_gpu_is_told_and_noted(cell_job, error, reason):
    told, note, _ = cell_job(f"raise {error}", device="cuda", before=TWO_GPUS)
    assert told["reason"] == reason
    assert note["taken"] == ["GPU-1"]
    assert [words.split(",")[0] for words in note["devices"]] == ["GPU-0", "GPU-1"]


def test_what_an_earlier_try_said_does_not_count(cell_job, tmp_path):
    (tmp_path / "status.json").write_text('{"status": "ok"}')
    assert cell_job("os._exit(5)")[0]["status"] == "crashed"


def test_the_childs_libraries_see_its_settings_and_the_parent_keeps_its_own(cell_job):
    names = "('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'TOKENIZERS_PARALLELISM', 'HF_HUB_OFFLINE')"
    body = f"write_json(status, {{'status': 'ok', **{{n: os.environ[n] for n in {names}}}}})"
    status, _, done = cell_job(body)
    assert status == {
        "status": "ok",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    assert done.stdout == "None\n"


def test_threads_are_those_of_the_config_or_the_cores_one_may_use():
    assert cpu_threads(5) == 5
    assert 1 <= cpu_threads(None) <= os.cpu_count()


@pytest.fixture
def unavailable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = {**JOB["cell"], "axes": {**JOB["cell"]["axes"], "device": "cuda"}, "gpus": 1}
    return {**JOB, "cell": cell}


def test_a_cell_without_figures_leaves_every_file_of_inference(unavailable, tmp_path):
    outputs = {
        "measurement": "c/measurement.json",
        "predictions": "c/predictions.parquet",
        "timings": "c/timings.parquet",
    }
    run_inference(unavailable, {"images": "i", "machine": "m"}, outputs, 20)
    told = read_json(tmp_path / "c/measurement.json")
    files = told.pop("files")
    assert told == {
        "status": "unavailable",
        "reason": "this machine has no cuda device",
        "traceback": None,
        "attempt": 2,
    }
    for name, schema in (("predictions", PREDICTIONS), ("timings", TIMINGS)):
        table = pq.read_table(tmp_path / outputs[name])
        assert (table.num_rows, table.schema) == (0, schema)
        check_whole(tmp_path / outputs[name], files[name])


def test_a_cell_without_figures_leaves_every_file_of_a_profile(unavailable, tmp_path):
    profile_layers(unavailable, {"images": "i"}, {"table": "l/a.csv", "record": "l/a.json"}, 20)
    assert (tmp_path / "l/a.csv").read_text() == f"{','.join(COLUMNS)}\n"
    told = read_json(tmp_path / "l/a.json")
    check_whole(tmp_path / "l/a.csv", told.pop("files")["table"])
    assert told == {
        "status": "unavailable",
        "reason": "this machine has no cuda device",
        "traceback": None,
        "attempt": 2,
        "cell": {
            "id": "m-bs1",
            "dataset": "photos",
            "model": "m",
            "device": "cuda",
            "batch_size": 1,
        },
    }
