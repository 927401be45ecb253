"""Whatever happens to a cell, it leaves a status and a note of the try."""

import pickle
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from job_factory import make_cell_job, make_layers_job

from vlmeter.cell import frame
from vlmeter.cell.job import CellInputs, JobAttempt
from vlmeter.cell.profile_layers import LayersOutputs, profile_layers
from vlmeter.cell.run_inference import CellOutputs, run_inference
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.machine import devices
from vlmeter.machine.isolation import Death
from vlmeter.models.optimization import EAGER, Compile
from vlmeter.storage.files import check_whole, read_json

ATTEMPT = JobAttempt(count=2, key="k", note="attempts/cells/photos/m-bs1.json")
INPUTS = CellInputs(Path("i"), Path("m"))
NO_MODEL = CellInputs(Path("i"), None)
LAYERS_OUTPUTS = LayersOutputs(table=Path("l/a.csv"), record=Path("l/a.json"))


@pytest.fixture
def cell_job(run_python, tmp_path):
    """Run a body as a cell's work; return its status, the note of the try and the process."""

    def run(body, inputs=INPUTS, timeout_s=20, device="cpu", before="pass"):
        job = make_cell_job(device=device)
        job = replace(job, cell=replace(job.cell, cpu_threads=3))
        call = pickle.dumps((job, ATTEMPT, inputs))
        done = run_python(
            "import json, os, pathlib, pickle, signal, sys, time\n"
            "from dataclasses import asdict\n"
            "from vlmeter.cell import frame\n"
            "frame.PRELOAD = 'colorsys'\n"
            "from vlmeter.cell.frame import run_cell_job\n"
            "from vlmeter.errors import UserError\n"
            "from vlmeter.status import UnavailableError, UnsupportedError\n"
            "from vlmeter.storage.files import write_json\n"
            "status = pathlib.Path('status.json')\n"
            f"{before}\n"
            "class Task:\n"
            f"    def work(self):\n        {body}\n"
            "    def write_failure(self, failure):\n        write_json(status, asdict(failure))\n"
            f"call = pickle.loads({call!r})\n"
            f"run_cell_job(*call, status, {timeout_s}, Task())\n"
            "print(os.environ.get('HF_HUB_OFFLINE'))\n"
        )
        assert done.returncode == 0, done.stderr
        note = tmp_path / ATTEMPT.note
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
        "disturbed": False,
    }


def test_no_collection_visits_what_a_cell_imported(cell_job):
    body = "import colorsys, gc; assert not any(o is colorsys for o in gc.get_objects()); "
    status, _, _ = cell_job(f"{body}{WELL}")
    assert status == {"status": "ok"}


@pytest.mark.parametrize(
    ("conditions", "disturbed"),
    [
        ({"disturbed": True}, True),
        ({"disturbed": False}, False),
        ({"conditions_reason": "r"}, False),
    ],
)
def test_the_note_says_whether_the_measurement_was_disturbed(cell_job, conditions, disturbed):
    _, note, _ = cell_job(f"write_json(status, {{'status': 'ok', 'conditions': {conditions}}})")
    assert note["disturbed"] is disturbed


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
    result, note, done = cell_job(f"raise {error}")
    assert (result["status"], result["reason"], note["status"]) == (status, reason, status)
    assert reason in done.stderr
    assert (result["traceback"] is not None) == ("lost" in error)


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
    result, note, done = cell_job(body, timeout_s=1 if "sleep" in body else 20)
    assert (result["status"], result["reason"], note["status"]) == ("crashed", reason, "crashed")
    assert note["timed_out_s"] == (1 if "sleep" in body else None)
    assert done.stderr == f"crashed: {reason}\n"


def test_a_device_that_is_missing_needs_no_child(cell_job, tmp_path):
    result, note, _ = cell_job("pathlib.Path('ran').touch()", inputs=NO_MODEL)
    reason = "this machine had no cpu device when the run began"
    assert (result["status"], result["reason"]) == ("unavailable", reason)
    assert note["status"] == "unavailable"
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("_in_folder")
def test_a_gpu_that_went_since_the_run_began_needs_no_child(tmp_path):
    profile_layers(make_layers_job(device="cuda", gpus=1), ATTEMPT, INPUTS, LAYERS_OUTPUTS, 20)
    result = read_json(tmp_path / "l/a.json")
    assert (result["status"], result["reason"]) == (
        "unavailable",
        "this machine has no cuda device",
    )


TWO_GPUS = (
    "from vlmeter.machine import devices, gpu_state as gpustate\n"
    "from vlmeter.machine.description import Gpu\n"
    "gpus = [Gpu(n, 'H200', f'GPU-{n}', 1, '580') for n in (0, 1)]\n"
    "devices.visible_gpus = lambda: gpus\n"
    "gpustate.describe_occupations = lambda: {'GPU-1': 'others have GPU 1', 'GPU-0': 'and GPU 0'}\n"
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
def test_who_has_the_cell_s_gpu_is_named_and_noted(cell_job, error, reason):
    result, note, _ = cell_job(f"raise {error}", device="cuda", before=TWO_GPUS)
    assert result["reason"] == reason
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


@pytest.fixture
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


UNAVAILABLE = {
    "status": "unavailable",
    "reason": "this machine has no cuda device",
    "traceback": None,
    "attempt": 2,
}


@pytest.mark.usefixtures("_in_folder")
@pytest.mark.parametrize("answers", [True, False])
def test_a_cell_without_figures_leaves_every_file_of_inference(answers):
    tables = {"timings": TIMINGS, **({"predictions": PREDICTIONS} if answers else {})}
    paths = {name: Path(f"c/{name}.parquet") for name in tables}
    outputs = CellOutputs(measurement=Path("c/measurement.json"), **paths)
    job = make_cell_job(device="cuda", gpus=1)
    run_inference(job, ATTEMPT, NO_MODEL, Path("machine.json"), outputs, 20)
    written = read_json(outputs.measurement)
    files = written.pop("files")
    assert written == UNAVAILABLE
    assert set(files) == set(tables)
    for name, schema in tables.items():
        table = pq.read_table(paths[name])
        assert (table.num_rows, table.schema) == (0, schema)
        check_whole(paths[name], files[name])


@pytest.mark.usefixtures("_in_folder")
def test_a_cell_without_figures_leaves_every_file_of_a_profile():
    job = make_layers_job(device="cuda", gpus=1)
    profile_layers(job, ATTEMPT, NO_MODEL, LAYERS_OUTPUTS, 20)
    assert LAYERS_OUTPUTS.table.read_text() == (
        "module,kind,stage,calls,time_ms,share,flops,parameters\n"
    )
    written = read_json(LAYERS_OUTPUTS.record)
    check_whole(LAYERS_OUTPUTS.table, written.pop("files")["table"])
    cell = {"id": "c", "dataset": "photos", **job.cell.axes.as_dict()}
    assert written == {**UNAVAILABLE, "cell": cell}


@pytest.mark.usefixtures("_in_folder")
@pytest.mark.parametrize(
    ("device", "optimization", "alone"),
    [
        ("cpu", EAGER, False),
        ("cuda", EAGER, True),
        ("cpu", replace(EAGER, compile=Compile("default", "regional")), True),
        ("cpu", replace(EAGER, attention="flex_attention"), True),
    ],
)
def test_only_a_cell_on_a_cpu_that_compiles_nothing_may_be_a_fork_of_the_server(
    monkeypatch, device, optimization, alone
):
    asked = []

    def end_at_once(work, timeout_s, settings, *, own_imports):
        asked.append(own_imports)
        return Death("ended")

    monkeypatch.setattr(frame, "run_in_child", end_at_once)
    monkeypatch.setattr(devices, "is_present", lambda *_: True)
    job = make_layers_job(device=device, gpus=int(device == "cuda"))
    job = replace(job, cell=replace(job.cell, optimization=optimization))
    profile_layers(job, ATTEMPT, INPUTS, LAYERS_OUTPUTS, 20)
    assert asked == [alone]
