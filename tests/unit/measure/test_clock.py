import gc

import pytest
from measure_fakes import FakeCuda

from vlmeter.measure.clock import CpuClock, CudaClock, make_clock, pause_garbage_collection


def test_the_cpu_clock_times_every_call():
    done = []
    seconds = CpuClock().time_calls([lambda: done.append(1), lambda: done.append(2)])
    assert done == [1, 2]
    assert len(seconds) == 2
    assert min(seconds) > 0


def test_the_cuda_clock_synchronises_once_whatever_the_number_of_calls():
    cuda = FakeCuda()
    clock = CudaClock("cuda:1", cuda)
    seconds = clock.time_calls([lambda: cuda.work(2.0), lambda: cuda.work(3.0)] * 5)
    assert seconds == pytest.approx([0.002, 0.003] * 5, rel=1e-12)
    assert cuda.synchronised == ["cuda:1"]
    assert cuda.current == ["cuda:1"]


def test_work_between_two_calls_belongs_to_neither():
    cuda = FakeCuda()
    clock = CudaClock("cuda:0", cuda)
    clock.time_calls([lambda: cuda.work(1.0)])
    cuda.work(500.0)
    assert clock.time_calls([lambda: cuda.work(1.0)]) == pytest.approx([0.001])


def test_each_device_has_its_clock():
    assert make_clock("cpu").name == "perf_counter_ns"
    assert make_clock("cuda").name == make_clock("cuda:3").name == "cuda_events"


def test_the_collector_is_off_in_a_quiet_block_and_on_again_after_an_exception():
    with pytest.raises(ValueError), pause_garbage_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
