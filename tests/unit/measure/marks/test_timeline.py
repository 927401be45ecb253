import pytest
from simulation.clock import HostStopwatch, SimulatedTime
from simulation.cuda import make_cuda

from vlmeter.measure.marks.stopwatch import CudaStopwatch
from vlmeter.measure.marks.timeline import Timeline, compute_own_times


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

    seconds = Timeline(HostStopwatch(time), "other").time(run)
    assert seconds == {"other": 17.0, "processor": 10.0, "tokenize": 36.0}
    assert sum(seconds.values()) == time.now_s


def test_a_part_follows_on_another_only_where_that_is_the_innermost():
    time = SimulatedTime()
    timeline = Timeline(HostStopwatch(time), "other")

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
    timeline = Timeline(HostStopwatch(time), "other")
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

    seconds = Timeline(CudaStopwatch("cuda:0", cuda), "other").time(run)
    near = {"abs": 1e-4}
    assert seconds["processor"] == pytest.approx(0.5, **near)
    assert seconds["vision"] == pytest.approx(2.0, **near)
    assert seconds["prefill"] == pytest.approx(3.0, **near)
    assert seconds["other"] == pytest.approx(0.0, **near)


def test_a_part_that_fails_is_left():
    timeline = Timeline(HostStopwatch(SimulatedTime()), "other")

    def run(enter):
        with pytest.raises(ValueError, match="in vain"), enter("vision"):
            raise ValueError("in vain")

    assert timeline.time(run) == {"other": 0.0, "vision": 0.0}


def test_a_part_is_counted_where_it_is_entered_and_not_where_it_goes_on():
    time = SimulatedTime()
    stopwatch = HostStopwatch(time)
    timeline = Timeline(stopwatch, "other")

    def run():
        for _ in range(3):
            with timeline.enter("vision"):
                time.spend(1.0)
                with timeline.enter("layer"):
                    time.spend(2.0)
                time.spend(4.0)
        timeline.follow("other", "decode")
        time.spend(8.0)

    marks = timeline.record(run)
    assert compute_own_times(marks, stopwatch) == {
        **{"other": (1, 0.0), "vision": (3, 15.0), "layer": (3, 6.0), "decode": (1, 8.0)},
    }
    parts = [mark.part for mark in marks]
    assert compute_own_times(marks[parts.index("decode") :], stopwatch) == {"decode": (1, 8.0)}
    assert parts[-1] is None, "after the run nothing is at work"
