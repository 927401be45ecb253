import pytest
from simulation.clock import HostStopwatch, SimulatedTime
from simulation.cuda import make_cuda

from vlmeter.measure.layers.stopwatch import CudaStopwatch
from vlmeter.measure.request.timeline import Timeline, merge_into_other


def test_every_moment_belongs_to_the_innermost_part():
    time = SimulatedTime()

    def run(enter):
        time.spend(1.0)
        with enter("processor"):
            time.spend(2.0)
            with enter("tokenize"):
                time.spend(4.0)
            time.spend(8.0)
        time.spend(16.0)
        with enter("tokenize"):
            time.spend(32.0)

    seconds = Timeline(HostStopwatch(time)).time(run)
    assert seconds == {"other": 17.0, "processor": 10.0, "tokenize": 36.0}
    assert sum(seconds.values()) == time.now_s


def test_a_part_follows_on_another_only_where_that_is_the_innermost():
    time = SimulatedTime()
    timeline = Timeline(HostStopwatch(time))

    def run(enter):
        with enter("prefill"):
            time.spend(1.0)
            with enter("vision"):
                timeline.follow("prefill", "decode")
                time.spend(2.0)
            timeline.follow("prefill", "decode")
            time.spend(4.0)
            timeline.follow("prefill", "decode")
            time.spend(8.0)
        time.spend(16.0)

    seconds = timeline.time(run)
    assert seconds == {"other": 16.0, "prefill": 1.0, "vision": 2.0, "decode": 12.0}


def test_a_second_request_does_not_count_the_first():
    time = SimulatedTime()
    timeline = Timeline(HostStopwatch(time))
    assert timeline.time(lambda _: time.spend(1.0)) == {"other": 1.0}
    assert timeline.time(lambda _: time.spend(2.0)) == {"other": 2.0}


def test_what_a_device_does_behind_the_host_is_of_the_part_that_gave_it_out():
    """Marks are read after the device has done its work: earlier they show the host's moment."""
    time = SimulatedTime()
    cuda = make_cuda(time)

    def run(enter):
        with enter("processor"):
            time.spend(0.5)
        with enter("vision"):
            cuda.current.work(2.0)
        with enter("prefill"):
            cuda.current.work(3.0)
        # Nobody waits here for the device.

    seconds = Timeline(CudaStopwatch("cuda:0", cuda)).time(run)
    near = {"abs": 1e-4}
    assert seconds["processor"] == pytest.approx(0.5, **near)
    assert seconds["vision"] == pytest.approx(2.0, **near)
    assert seconds["prefill"] == pytest.approx(3.0, **near)
    assert seconds["other"] == pytest.approx(0.0, **near)


def test_a_part_that_fails_is_left():
    timeline = Timeline(HostStopwatch(SimulatedTime()))

    def run(enter):
        with pytest.raises(ValueError, match="in vain"), enter("vision"):
            raise ValueError("in vain")

    assert timeline.time(run) == {"other": 0.0, "vision": 0.0}


def test_parts_that_cannot_be_told_apart_count_as_other():
    seconds = {"other": 1.0, "vision": 2.0, "prefill": 4.0, "decode": 8.0}
    merged = merge_into_other(seconds, {"vision": "why", "prefill": "why"})
    assert merged == {"other": 7.0, "decode": 8.0}
