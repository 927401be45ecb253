import gc

import pytest
from simulation.clock import SimulatedTime
from simulation.cuda import make_cuda

from vlmeter.measure.clock import CpuClock, CudaClock, make_clock, pause_garbage_collection


def test_the_cpu_clock_times_every_call():
    done = []
    seconds = CpuClock().time_calls([lambda: done.append(1), lambda: done.append(2)])
    assert done == [1, 2]
    assert len(seconds) == 2
    assert min(seconds) > 0


NEAR = {"abs": 2e-6}
"""A device that waits for the host begins with it, an event's record late."""


def test_the_cuda_clock_times_what_a_device_works_behind_the_host():
    cuda = make_cuda(SimulatedTime(), cards=2)
    clock = CudaClock("cuda:1", cuda)
    calls = [lambda: cuda.cards[1].work(0.002), lambda: cuda.cards[1].work(0.003)] * 5
    assert clock.time_calls(calls) == pytest.approx([0.002, 0.003] * 5, **NEAR)
    assert not cuda.cards[1].is_busy or cuda.time.now_s >= cuda.cards[1].busy_until_s
    assert cuda.current is cuda.cards[0], "the device of others is current again"


def test_the_cuda_clock_synchronises_once_whatever_the_number_of_calls():
    time = SimulatedTime()
    cuda = make_cuda(time)
    begun = []

    def call():
        begun.append(time.now_s)
        cuda.current.work(0.1)

    CudaClock("cuda:0", cuda).time_calls([call] * 5)
    assert begun[-1] < 0.001
    assert time.now_s >= 0.5


def test_work_between_two_calls_belongs_to_neither():
    cuda = make_cuda(SimulatedTime())
    clock = CudaClock("cuda:0", cuda)
    clock.time_calls([lambda: cuda.current.work(0.001)])
    cuda.current.work(0.5)
    assert clock.time_calls([lambda: cuda.current.work(0.001)]) == pytest.approx([0.001], **NEAR)


def test_a_device_is_waited_for_until_its_work_is_done():
    time = SimulatedTime()
    cuda = make_cuda(time)
    cuda.current.work(0.7)
    CudaClock("cuda:0", cuda).synchronize()
    assert time.now_s == pytest.approx(0.7)


def test_each_device_has_its_clock():
    assert make_clock("cpu").name == "perf_counter_ns"
    assert make_clock("cuda").name == make_clock("cuda:3").name == "cuda_events"


@pytest.mark.parametrize("make", [CpuClock, lambda: CudaClock("cuda:0", None)])
def test_a_clock_that_is_set_moves_no_time(monkeypatch, make):
    time = SimulatedTime()
    monkeypatch.setattr("vlmeter.measure.clock.time", time.as_module())
    clock = make()
    for second in range(3):
        assert clock.now() == second
        time.sleep(1.0)
    assert CpuClock().time_calls([time.call(1.0)] * 3) == pytest.approx([1.0] * 3)


def test_the_collector_is_off_in_a_quiet_block_and_on_again_after_an_exception():
    with pytest.raises(ValueError), pause_garbage_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
