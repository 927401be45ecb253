"""A crashed cell runs again, a finished study rests."""

import pytest

from vlmeter.cell import attempts
from vlmeter.cell.attempts import Attempt, read_attempts, write_attempt

GPU, OTHER_GPU = "GPU-1", "GPU-2"


def tried(status, count=1, key="k", devices=(), taken=(), disturbed=False):
    return Attempt(key, count, status, list(devices), list(taken), disturbed=disturbed)


def choose(last, key, max_attempts, devices, timeout_s=60, free=(), remeasures=True):
    return attempts.choose_attempt_count(
        last, key, max_attempts, devices, timeout_s, free, remeasures=remeasures
    )


def test_the_first_try_is_number_one():
    assert choose(None, "k", 2, []) == 1


@pytest.mark.parametrize(
    "status", ["ok", "unsupported", "out_of_memory", "unavailable", "crashed", "error"]
)
def test_counting_begins_anew_when_the_job_changed(status):
    assert choose(tried(status, count=2, key="old"), "k", 2, []) == 1


@pytest.mark.parametrize("status", ["crashed", "error"])
def test_a_crash_or_a_bug_is_tried_again_up_to_the_limit(status):
    assert choose(tried(status, 1), "k", 2, []) == 2
    assert choose(tried(status, 2), "k", 2, []) == 2
    assert choose(tried(status, 2), "k", 3, []) == 3
    assert choose(tried(status, 1), "k", 1, []) == 1


def test_a_lower_limit_does_not_take_a_try_back():
    assert choose(tried("crashed", 3), "k", 2, []) == 3


@pytest.mark.parametrize("status", ["ok", "unsupported", "out_of_memory"])
def test_the_others_are_final_whatever_devices_come(status):
    assert choose(tried(status, 1), "k", 2, [GPU]) == 1
    assert choose(tried(status, 2, devices=[GPU]), "k", 5, []) == 2


def test_unavailable_is_tried_again_when_a_device_came():
    assert choose(tried("unavailable", 1), "k", 2, [GPU]) == 2
    assert choose(tried("unavailable", 1, devices=[GPU]), "k", 2, [GPU, OTHER_GPU]) == 2


def test_unavailable_rests_when_no_device_came():
    assert choose(tried("unavailable", 1), "k", 2, []) == 1
    assert choose(tried("unavailable", 1, devices=[GPU]), "k", 2, [GPU]) == 1
    assert choose(tried("unavailable", 1, devices=[GPU, OTHER_GPU]), "k", 2, [GPU]) == 1


def test_unavailable_knows_no_limit():
    assert choose(tried("unavailable", 7), "k", 2, [GPU]) == 8


@pytest.mark.parametrize("status", ["unavailable", "out_of_memory"])
def test_a_gpu_that_others_had_is_tried_again_once_it_is_free(status):
    last = tried(status, 7, devices=[GPU, OTHER_GPU], taken=[GPU])
    assert choose(last, "k", 2, [GPU, OTHER_GPU], free=[OTHER_GPU]) == 7
    assert choose(last, "k", 2, [GPU, OTHER_GPU], free=[GPU]) == 8


def test_what_ran_out_of_memory_on_a_free_gpu_rests():
    last = tried("out_of_memory", devices=[GPU])
    assert choose(last, "k", 2, [GPU, OTHER_GPU], free=[GPU, OTHER_GPU]) == 1


@pytest.mark.parametrize("status", ["ok", "unsupported"])
def test_what_others_could_not_spoil_rests(status):
    assert choose(tried(status, devices=[GPU], taken=[GPU]), "k", 2, [GPU], free=[GPU]) == 1


def test_a_crash_does_not_wait_for_devices():
    assert choose(tried("crashed", 2, devices=[GPU]), "k", 2, [GPU, OTHER_GPU]) == 2


def test_a_disturbed_cell_is_measured_again_up_to_the_limit_and_then_rests():
    assert choose(tried("ok", 1, disturbed=True), "k", 2, []) == 2
    assert choose(tried("ok", 2, disturbed=True), "k", 2, []) == 2
    assert choose(tried("ok", 2, disturbed=True), "k", 3, None) == 3
    assert choose(tried("ok", 2, disturbed=False), "k", 3, []) == 2


def test_a_disturbed_cell_rests_where_the_config_says_so():
    assert choose(tried("ok", 1, disturbed=True), "k", 2, [], remeasures=False) == 1


@pytest.mark.parametrize("status", ["unsupported", "out_of_memory"])
def test_what_did_not_end_well_is_not_tried_again_for_having_been_disturbed(status):
    assert choose(tried(status, 1, disturbed=True), "k", 2, []) == 1


def out_of_time(limit_s, count):
    return Attempt("k", count, "crashed", [], timed_out_s=limit_s)


def test_what_ran_out_of_time_is_tried_again_when_it_may_take_longer():
    assert choose(out_of_time(60, 2), "k", 2, [], timeout_s=61) == 3
    assert choose(out_of_time(60, 3), "k", 2, None, timeout_s=7200) == 4


def test_what_ran_out_of_time_counts_as_a_crash_under_the_same_or_a_lower_limit():
    for timeout_s in (60, 59):
        assert choose(out_of_time(60, 1), "k", 2, [], timeout_s) == 2
        assert choose(out_of_time(60, 2), "k", 2, [], timeout_s) == 2


@pytest.mark.parametrize("status", ["ok", "crashed", "error", "unsupported", "out_of_memory"])
def test_more_time_is_nothing_to_a_try_that_ended_by_itself(status):
    assert choose(tried(status, 2), "k", 2, [], timeout_s=10**6) == 2


def test_notes_are_read_as_they_were_written(tmp_path):
    attempt = tried("crashed", devices=[GPU])
    write_attempt(tmp_path / "photos" / "m-bs1.5.json", attempt)
    assert read_attempts(tmp_path) == {("photos", "m-bs1.5"): attempt}


def test_a_damaged_note_counts_as_none(tmp_path):
    write_attempt(tmp_path / "photos" / "good.json", tried("ok"))
    for name, text in (("cut", '{"key": "k"'), ("odd", '{"key": "k"}'), ("list", "[]")):
        (tmp_path / "photos" / f"{name}.json").write_text(text)
    assert list(read_attempts(tmp_path)) == [("photos", "good")]


def test_no_folder_means_no_notes(tmp_path):
    assert read_attempts(tmp_path / "nowhere") == {}


def test_where_only_the_job_can_see_devices_unavailable_counts_as_a_crash_does():
    assert choose(tried("unavailable", 1), "k", 2, None) == 2
    assert choose(tried("unavailable", 2), "k", 2, None) == 2
    assert choose(tried("ok", 1), "k", 2, None) == 1


def test_there_a_gpu_that_others_had_counts_as_a_crash_does_too():
    assert choose(tried("out_of_memory", 1, taken=[GPU]), "k", 2, None) == 2
    assert choose(tried("out_of_memory", 2, taken=[GPU]), "k", 2, None) == 2
    assert choose(tried("out_of_memory", 1), "k", 2, None) == 1
