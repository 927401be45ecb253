"""From the blocks of a config to what a cell's jobs are given."""

from vlmeter.config.dataset import DatasetConfig
from vlmeter.config.optimizations import OptimizationConfig, QuantizationByPartConfig
from vlmeter.config.schema import EnergyConfig, MeasureConfig
from vlmeter.measure.settings import EnergySettings, MeasureSettings
from vlmeter.models.decoding import Decoding
from vlmeter.models.optimization import AttentionByPart, Compile, Optimization, QuantizationByPart


def build_optimization(name: str, block: OptimizationConfig) -> Optimization:
    """Return what an optimisation of this name asks for."""
    attention, quantization = block.attention, block.quantization
    if isinstance(quantization, str):
        quantization = QuantizationByPartConfig(text=quantization)
    return Optimization(
        name=name,
        attention=attention if isinstance(attention, str) else AttentionByPart(**dict(attention)),
        compile=None if block.compile is None else Compile(**dict(block.compile)),
        cache=block.cache,
        quantization=None if quantization is None else QuantizationByPart(**dict(quantization)),
        sdpa_backend=block.sdpa_backend,
    )


def build_decoding(block: DatasetConfig) -> Decoding:
    """Return how answers on a data set are decoded."""
    return Decoding(max_new_tokens=block.max_new_tokens, **dict(block.generation))


def build_measure_settings(block: MeasureConfig) -> MeasureSettings:
    """Return how a cell's costs are measured."""
    return MeasureSettings(
        window_s=block.window_s,
        min_iterations=block.min_iterations,
        repeats=block.repeats,
        target_interval=block.target_interval,
        max_warmup_s=block.max_warmup_s,
        batches=block.batches,
        request=block.request,
        energy=build_energy_settings(block.energy),
    )


def build_energy_settings(block: EnergyConfig) -> EnergySettings:
    """Return how energy is measured."""
    return EnergySettings(
        window_s=block.window_s,
        min_window_s=block.min_window_s,
        min_counter_updates=block.min_counter_updates,
        cpu_power_w=block.cpu_power_w,
        ram_power_w=block.ram_power_w,
        country_iso_code=block.country_iso_code,
        grid_kg_per_kwh=block.grid_kg_per_kwh,
    )
