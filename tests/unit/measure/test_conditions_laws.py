"""More than a tenth of the processors' time for others disturbs a cell, and no less does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.measure.conditions import ConditionsProbe, CpuSeconds, HostReading


def watch(others_s, own_s, idle_s):
    """Return the conditions between two readings of the processors' time."""
    total_s = others_s + own_s + idle_s
    readings = iter(
        [
            HostReading(0.1, 2000.0, 40.0, CpuSeconds(50.0, 900.0, 5.0)),
            HostReading(
                0.2, 2100.0, 45.0, CpuSeconds(50.0 + others_s + own_s, 900.0 + total_s, 5.0 + own_s)
            ),
        ]
    )
    times = iter([1.0, 2.0])
    probe = ConditionsProbe([], lambda: next(readings), lambda: next(times), 7)
    probe.start()
    return probe.stop()


@given(st.floats(1.0, 1e4), st.integers(0, 100), st.integers(0, 100))
@settings(max_examples=60)
def test_more_than_a_tenth_for_others_is_a_disturbance_and_a_tenth_is_none(total_s, others, own):
    others = min(others, 100 - own)
    block = watch(total_s * others / 100, total_s * own / 100, total_s * (100 - others - own) / 100)
    assert round(block.foreign_cpu_share, 6) == others / 100
    if others != 10:
        assert block.disturbed == (others > 10)
    words = f"other processes took {others}% of the machine's processor time"
    assert block.disturbance == (words if block.disturbed else None)


def test_a_tenth_itself_is_none():
    assert not watch(8.0, 24.0, 48.0).disturbed
    assert watch(8.5, 23.5, 48.0).disturbed
