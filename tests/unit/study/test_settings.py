"""What a config's blocks become for the jobs of a cell."""

from dataclasses import fields

import pytest

from vlmeter.config.optimizations import (
    BUILT_IN,
    AttentionByPartConfig,
    CompileConfig,
    OptimizationConfig,
    QuantizationByPartConfig,
)
from vlmeter.config.schema import MeasureConfig
from vlmeter.measure.settings import EnergySettings, MeasureSettings
from vlmeter.models import optimization
from vlmeter.study.settings import build_measure_settings, build_optimization

NOT_MEASURED_WITH = {
    *("timeout_s", "max_attempts", "remeasure_disturbed", "seed", "cpu_threads"),
}
"""How a cell is run: no part of how its costs are measured."""


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_optimisation_keeps_its_name_and_what_it_asks_for(name):
    block, built = BUILT_IN[name], build_optimization(name, BUILT_IN[name])
    assert built.name == name
    assert (built.attention, built.cache) == (block.attention, block.cache)
    # A word means the language model alone.
    word = block.quantization
    assert built.quantization == (word and optimization.QuantizationByPart(text=word))
    assert (built.compile is None) == (block.compile is None)


def test_blocks_inside_an_optimisation_become_types_too():
    parts = AttentionByPartConfig(vision="sdpa", qformer="eager", text="sdpa")
    whole = CompileConfig(mode="max-autotune", form="whole")
    weights = QuantizationByPartConfig(text="int4", connector="int8")
    block = OptimizationConfig(
        attention=parts, compile=whole, quantization=weights, sdpa_backend="math"
    )
    built = build_optimization("mine", block)
    assert built.quantization == optimization.QuantizationByPart("int4", None, "int8")
    assert built.sdpa_backend == "math"
    assert built.attention == optimization.AttentionByPart("sdpa", "eager", "sdpa")
    assert built.compile == optimization.Compile("max-autotune", "whole")
    assert built.compile.is_whole


def test_every_key_of_measure_reaches_the_measurement_or_is_listed_as_left_out():
    settings = {field.name for field in fields(MeasureSettings)}
    assert settings == set(MeasureConfig.model_fields) - NOT_MEASURED_WITH
    energy = {field.name for field in fields(EnergySettings)}
    assert energy == set(type(MeasureConfig().energy).model_fields) - {"idle_window_s"}


def test_settings_are_those_of_the_config():
    block = MeasureConfig(window_s=3.0, repeats=2, energy={"cpu_power_w": 65.0})
    built = build_measure_settings(block)
    assert (built.window_s, built.repeats, built.energy.cpu_power_w) == (3.0, 2, 65.0)
