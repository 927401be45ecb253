"""codecarbon, set up once and asked for the joules of one window after the other."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from codecarbon import OfflineEmissionsTracker
from codecarbon.external.hardware import CPU, GPU
from codecarbon.external.ram import RAM

from vlmeter.measure.energy.description import EnergySources

J_PER_KWH = 3.6e6

_REBUILDABLE_MODES = frozenset({"intel_rapl", "cpu_load", "constant"})
"""Modes of a CPU whose codecarbon object needs nothing but the description."""


class PowerTracker(Protocol):
    """codecarbon in the part that the meter needs, or a fake of it."""

    def start(self) -> None:
        """Begin a window."""

    def stop(self) -> Mapping[str, float]:
        """End it and return joules by `cpu`, `ram` and `gpu`."""


class DescribedHardwareTracker(OfflineEmissionsTracker):
    """codecarbon's offline tracker with the hardware given instead of searched for."""

    def __init__(self, sources: EnergySources, gpu_ids: Sequence[int]) -> None:
        """Set up from a description; `gpu_ids` are NVML's indices of the GPUs to track."""
        self._sources = sources
        self._tracked_gpus = list(gpu_ids)
        grid = 1e3 * sources.grid.kg_per_kwh
        super().__init__(**list_tracker_options(gpu_ids, grid_g_per_kwh=grid))

    def _populate_system_metadata(self) -> None:
        """Left out: it asks the system for what the description already says."""

    def _initialize_hardware_tracking(self) -> None:
        cpu, ram = self._sources.cpu, self._sources.ram
        conf: Any = self._conf
        conf |= {"cpu_model": cpu.model, "ram_total_size": ram.total_gib}
        # Annotated as whole numbers, but codecarbon computes with any.
        ram_w: Any = ram.power_w
        tdp_w: Any = cpu.tdp_w
        self._hardware = [
            RAM(tracking_mode="machine", force_ram_power=ram_w),
            CPU.from_utils(tempfile.gettempdir(), cpu.mode, cpu.model, tdp_w),
        ]
        if self._tracked_gpus:
            self._hardware.append(GPU.from_utils(self._tracked_gpus))


class CodecarbonWindows:
    """Joules by device from codecarbon's tasks, set up before the first window."""

    def __init__(self, sources: EnergySources, gpu_ids: Sequence[int] = ()) -> None:
        """Set codecarbon up and throw a first task away, which would include the set-up.

        Args:
            sources: How the energy of this machine's devices is known.
            gpu_ids: NVML indices of the GPUs to track.
        """
        silence_codecarbon()
        if sources.cpu.mode in _REBUILDABLE_MODES:
            self._tracker: OfflineEmissionsTracker = DescribedHardwareTracker(sources, gpu_ids)
        else:
            grid = 1e3 * sources.grid.kg_per_kwh
            self._tracker = OfflineEmissionsTracker(
                **list_tracker_options(gpu_ids, grid_g_per_kwh=grid)
            )
        self.start()
        self.stop()

    def start(self) -> None:
        """Begin a task."""
        self._tracker.start_task()

    def stop(self) -> Mapping[str, float]:
        """End the task and return its joules by `cpu`, `ram` and `gpu`."""
        data = self._tracker.stop_task()
        if data is None:
            return {}
        return {
            "cpu": data.cpu_energy * J_PER_KWH,
            "ram": data.ram_energy * J_PER_KWH,
            "gpu": data.gpu_energy * J_PER_KWH,
        }


def list_tracker_options(
    gpu_ids: Sequence[int] | None,
    country_iso_code: str | None = None,
    grid_g_per_kwh: float | None = None,
) -> dict[str, Any]:
    """Return every option of codecarbon's offline tracker.

    An option that is left out is taken from CODECARBON_* variables and `.codecarbon.config` files,
    which must change neither a figure nor what is written or sent.
    """
    return {
        "allow_multiple_runs": True,
        "api_call_interval": -1,
        "api_endpoint": None,
        "api_key": None,
        "cloud_provider": None,
        "cloud_region": None,
        "country_2letter_iso_code": None,
        "country_iso_code": country_iso_code,
        # Empty and not None, for which codecarbon would look for a token of the older name.
        "electricitymaps_api_token": "",
        "emissions_endpoint": None,
        "experiment_id": None,
        "experiment_name": None,
        "force_carbon_intensity_g_co2e_kwh": grid_g_per_kwh,
        "force_cpu_power": None,
        "force_mode_cpu_load": False,
        "force_ram_power": None,
        "gpu_ids": None if gpu_ids is None else list(gpu_ids),
        "log_level": "critical",
        "logger_preamble": "",
        "logging_logger": None,
        "measure_power_secs": 1,
        "metadata": None,
        "on_csv_write": "append",
        "output_dir": tempfile.gettempdir(),
        "output_file": "unused.csv",
        "output_handlers": [],
        "output_methods": [],
        "project_name": "vlmeter",
        "prometheus_url": None,
        "pue": 1.0,
        "rapl_include_dram": False,
        "rapl_prefer_psys": False,
        "region": None,
        "tracking_mode": "machine",
        "wue": 0.0,
    }


def silence_codecarbon() -> None:
    """Keep codecarbon's warnings out of the cells' logs; what they say is in the description."""
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
