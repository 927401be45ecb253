"""Everything that the truth checks use of VLMeter, so that one place names it."""

from vlmeter.cell.worker.workload import Workload
from vlmeter.config.schema import EnergyConfig
from vlmeter.machine.devices import visible_gpus
from vlmeter.measure.clock import Call, Clock, make_clock
from vlmeter.measure.energy.idle import measure_idle_watts
from vlmeter.measure.energy.meter import make_energy_meter
from vlmeter.measure.energy.sources import describe_energy_sources
from vlmeter.measure.flops.count import count_decode_step, count_flops
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import LatencyPlan, measure_latency
from vlmeter.measure.layers.profile import profile_layers
from vlmeter.measure.marks.stopwatch import make_stopwatch
from vlmeter.measure.memory import compute_weights_bytes, make_memory_probe
from vlmeter.measure.nvml import open_devices
from vlmeter.measure.nvml_memory import read_memory
from vlmeter.measure.peak import measure_peak
from vlmeter.measure.stopping import fix_rounds
from vlmeter.models.compilation import Compilation
from vlmeter.models.decoding import Decoding
from vlmeter.models.generate import find_cache_in_use
from vlmeter.models.kernels import find_kernels_by_stage
from vlmeter.models.load import LoadedModel, load_model
from vlmeter.models.optimization import EAGER, Compile, Optimization, QuantizationByPart
from vlmeter.models.random_weights import store_architecture
from vlmeter.models.tracing import expose_matmuls
from vlmeter.status import UnsupportedError
from vlmeter.study.settings import build_energy_settings

ENERGY_SETTINGS = build_energy_settings(EnergyConfig())
"""Those of a study that sets nothing."""

__all__ = [
    "EAGER",
    "ENERGY_SETTINGS",
    "Call",
    "Clock",
    "Compilation",
    "Compile",
    "Decoding",
    "LatencyPlan",
    "LoadedModel",
    "Optimization",
    "QuantizationByPart",
    "UnsupportedError",
    "Workload",
    "compute_weights_bytes",
    "count_decode_step",
    "count_flops",
    "describe_energy_sources",
    "expose_matmuls",
    "find_cache_in_use",
    "find_kernels_by_stage",
    "fix_rounds",
    "load_model",
    "make_clock",
    "make_energy_meter",
    "make_memory_probe",
    "make_stopwatch",
    "measure_generation",
    "measure_idle_watts",
    "measure_latency",
    "measure_peak",
    "open_devices",
    "profile_layers",
    "read_memory",
    "store_architecture",
    "visible_gpus",
]
