"""The power of a machine that rests; a reading while others work is no such power."""

from collections.abc import Mapping, Sequence
from time import sleep

from vlmeter.errors import Sentence
from vlmeter.measure.clock import CpuClock
from vlmeter.measure.conditions import FOREIGN_SHARE, Host, compute_foreign_share, read_host
from vlmeter.measure.energy.description import CONSTANT, EnergySources, IdlePower
from vlmeter.measure.energy.meter import EnergyMeter
from vlmeter.measure.energy.result import Component
from vlmeter.measure.nvml import Gpu
from vlmeter.measure.settings import EnergySettings
from vlmeter.measure.stopping import fix_rounds


def measure_idle_watts(
    sources: EnergySources,
    settings: EnergySettings,
    window_s: float,
    gpus: Sequence[Gpu] = (),
    *,
    not_idle: Mapping[str, str] | None = None,
    host: Host = read_host,
) -> IdlePower:
    """Return the power of each device while nothing of the workflow runs.

    Where other processes take more than `FOREIGN_SHARE` of the processors' time meanwhile, what
    processors and memory draw is theirs too, and would be taken off each cell's energy: such a
    power is None, with the share as its reason. A constant is what it is.

    Args:
        sources: How the energy of the devices is known.
        settings: Validity rules.
        window_s: Seconds to watch.
        gpus: The GPUs to read.
        not_idle: Why a GPU does not rest, by device.
        host: Reads the processors' time; another in tests.
    """
    meter = EnergyMeter(sources, settings, gpus)
    start = host()
    energy = meter.measure(
        [_rest], CpuClock(), window_s=window_s, samples_per_batch=1, rule=fix_rounds(1)
    )
    end = host()
    share = compute_foreign_share([(start.cpu, end.cpu)])
    reasons = {
        part.device: reason
        for part in energy.components
        if (reason := part.reason or _find_use(part, share, not_idle or {}))
    }
    return IdlePower(
        power_w={
            part.device: None if part.device in reasons else part.power_w
            for part in energy.components
        },
        reason=reasons,
        window_s=energy.window_s,
        load=end.load,
        foreign_cpu_share=share,
    )


def _find_use(part: Component, share: float | None, not_idle: Mapping[str, str]) -> str | None:
    """Return why a device that could be read was not at rest; None where it was."""
    if part.device in not_idle or part.kind == CONSTANT or part.device.startswith("gpu"):
        return not_idle.get(part.device)
    if share is None or share <= FOREIGN_SHARE:
        return None
    return Sentence(
        f"other processes took {share:.0%} of the machine's processor time while idle power was"
        f" read, and {FOREIGN_SHARE:.0%} are allowed"
    )


def _rest() -> None:
    sleep(0.05)
