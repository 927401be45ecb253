"""What imports may read is one thing, what is read later another."""

import tempfile

from vlmeter.machine import environment


def test_every_number_of_threads_is_that_of_a_cell():
    settings = environment.choose_settings(threads=3)
    assert {name for name in settings if "THREADS" in name} == {
        *("GOTO_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS"),
        *("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    }
    assert {value for name, value in settings.items() if "THREADS" in name} == {"3"}


def test_settings_stand_before_the_environment_and_what_is_read_later_apart(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("HF_HOME", "/models")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-7")
    early = environment.read_early({"OMP_NUM_THREADS": "1"})
    assert (early["OMP_NUM_THREADS"], early["HF_HOME"]) == ("1", "/models")
    later = environment.read_later()
    assert later["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    assert not later.keys() & early.keys()


def test_what_is_read_later_is_wholly_that_of_the_other_process(monkeypatch, tmp_path):
    for name in ("CUDA_VISIBLE_DEVICES", "TMP", "TEMP", "TEMPDIR", "TMPDIR", "PWD", "_", "SHLVL"):
        monkeypatch.setenv(name, "/ours")
    monkeypatch.delenv("OLDPWD", raising=False)
    # Python keeps where it looked.
    monkeypatch.setattr(tempfile, "tempdir", "/ours")
    environment.set_read_later({"TMPDIR": str(tmp_path)})
    assert environment.read_later() == {"TMPDIR": str(tmp_path)}
    assert tempfile.gettempdir() == str(tmp_path)
