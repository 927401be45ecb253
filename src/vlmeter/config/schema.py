"""The whole config as a typed model: defaults, descriptions and checks across fields."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from vlmeter.axes import AXIS_NAMES
from vlmeter.config.axes import Base, Fixed, Varied
from vlmeter.config.base import Block, HubId, Name, Revision, Texts
from vlmeter.config.countries import explain_country
from vlmeter.config.dataset import DatasetConfig
from vlmeter.config.decide import DecideConfig
from vlmeter.config.gates import GateConfig
from vlmeter.config.memory_sizes import MemorySizes
from vlmeter.config.money import MoneyConfig
from vlmeter.config.optimizations import BUILT_IN, OptimizationConfig

Allowance = Literal["pickle", "remote_code"]


class ModelSourceConfig(Block):
    """Where a model's weights come from: the Hub or a local folder."""

    hub: HubId | None = Field(None, description="Repository on the Hugging Face Hub.")
    revision: Revision | None = Field(
        None, description="Commit of the repository. Left out: resolved at download and recorded."
    )
    path: str | None = Field(None, description="Local folder, from the working directory.")
    allow: list[Allowance] = Field(
        [],
        description="What could run foreign code and is refused otherwise: `pickle`, weights that "
        "are kept as pickles alone; `remote_code`, a model whose code comes with its weights.",
    )

    @model_validator(mode="after")
    def _check_source(self) -> "ModelSourceConfig":
        if (self.hub is None) == (self.path is None):
            raise ValueError("give either `hub` or `path`")
        if self.path is not None and self.revision is not None:
            raise ValueError("`revision` goes with `hub`; a local folder has none")
        return self


class ModelConfig(Block):
    """A model under test."""

    source: ModelSourceConfig = Field(description="Where its weights and processor come from.")
    weights: Literal["pretrained", "random"] = Field(
        "pretrained",
        description="`random`: the architecture of a local `config.json` at full size; its cost is "
        "measured, its answers are not.",
    )
    gpus: int = Field(
        1,
        ge=1,
        le=64,
        description="GPUs that each of its cells on `cuda` has to itself; more than one for a "
        "model that one cannot hold: its layers are spread over them.",
    )
    label: Texts | None = Field(None, description="Its name in the report; default: its key.")
    licence: str | None = Field(None, description="Licence of the weights, for the report.")

    @model_validator(mode="after")
    def _check_random_weights(self) -> "ModelConfig":
        if self.weights == "random" and self.source.path is None:
            raise ValueError("weights: random needs source.path, a folder with a config.json")
        if self.weights == "random" and self.gpus > 1:
            raise ValueError("weights: random are made on one GPU: leave `gpus` out")
        return self


def _check_fixed_or_varied(fix: Fixed, vary: Varied) -> None:
    for axis in AXIS_NAMES:
        if getattr(fix, axis) is not None and getattr(vary, axis) is not None:
            raise ValueError(f"{axis} is both fixed and varied")


class SectionConfig(Block):
    """A table of the report: what is fixed, what is varied, over which data sets."""

    name: Name = Field(description="Its name; also a target: `snakemake <name>`.")
    title: Texts | None = Field(None, description="Heading in the report; default: the name.")
    datasets: list[Name] = Field(min_length=1, description="Names below `datasets`.")
    fix: Fixed = Field(Fixed(), description="Values of axes for this section.")
    vary: Varied = Field(description="Lists of values of the axes under study.")
    note: Texts | None = Field(None, description="A sentence below the heading.")

    @model_validator(mode="after")
    def _check_section(self) -> "SectionConfig":
        _check_fixed_or_varied(self.fix, self.vary)
        if len(set(self.datasets)) < len(self.datasets):
            raise ValueError(f"a data set is named twice: {self.datasets}")
        return self


class LayerGridConfig(Block):
    """Cells whose forward pass is profiled layer by layer."""

    fix: Fixed = Field(Fixed(), description="Values of axes.")
    vary: Varied = Field(description="Lists of values of axes.")

    @model_validator(mode="after")
    def _check_grid(self) -> "LayerGridConfig":
        _check_fixed_or_varied(self.fix, self.vary)
        return self


class LayersConfig(Block):
    """The layer profiles."""

    dataset: Name = Field(description="The data set whose samples are fed.")
    grids: list[LayerGridConfig] = Field(min_length=1, description="Which cells are profiled.")
    iterations: int = Field(10, ge=1, description="Forward passes behind each profile.")


class EnergyConfig(Block):
    """How energy is turned from counters and models into joules."""

    window_s: float = Field(
        10.0,
        gt=0,
        description="Most seconds of work in one energy window, which may end as "
        "`measure.target_interval` says.",
    )
    min_window_s: float = Field(1.0, gt=0, description="Shorter windows are `not measured`.")
    min_counter_updates: int = Field(
        10,
        ge=1,
        description="So are rounds with fewer updates of a hardware counter: NVML's moves every "
        "0.1 s, RAPL's every millisecond.",
    )
    cpu_power_w: float | None = Field(
        None, gt=0, description="The CPU's TDP in watts where it is neither readable nor known."
    )
    ram_power_w: float | None = Field(None, ge=0, description="Constant watts of the memory.")
    country_iso_code: str = Field(
        "USA",
        description="Country of the grid (ISO 3166-1 alpha-3), for the CO2e column.",
    )
    grid_kg_per_kwh: float | None = Field(
        None, ge=0, description="CO2e of the grid in kg per kWh, instead of the country's."
    )
    idle_window_s: float = Field(
        5.0, ge=0, description="Seconds over which idle watts are read once per machine."
    )

    @field_validator("country_iso_code")
    @classmethod
    def _check_country(cls, code: str) -> str:
        problem = explain_country(code)
        if problem is not None:
            raise ValueError(problem)
        return code


class MeasureConfig(Block):
    """How long and how often things are measured."""

    window_s: float = Field(
        10.0,
        gt=0,
        description="Seconds of timed forwards after which their window ends, once there are "
        "`min_iterations`, whether `target_interval` is reached or not; the same of generations.",
    )
    min_iterations: int = Field(
        10, ge=1, description="Timed forwards without which only `target_interval` ends a window."
    )
    target_interval: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="Half the width of the 95 % interval, as a share of the figure, at which a "
        "window of latency, generation or energy ends: after 3, 5 or at most 10 rounds.",
    )
    repeats: int | None = Field(
        None,
        ge=1,
        description="Rounds that each window is split into. With a number every window takes its "
        "whole time, or as many pairs of generations, and `target_interval` ends none.",
    )
    max_warmup_s: float = Field(30.0, ge=0, description="Cap of the warm-up.")
    batches: int = Field(4, ge=1, description="Distinct batches of samples in the timed windows.")
    request: bool = Field(
        True, description="Whether whole requests are timed, from an image's file to the answer."
    )
    cpu_threads: int | None = Field(
        None, ge=1, description="Threads of a cell on the CPU; default: the physical cores."
    )
    timeout_s: int = Field(
        7200,
        ge=1,
        description="A cell that takes longer is `crashed`; a higher limit tries it alone again.",
    )
    max_attempts: int = Field(
        2, ge=1, description="Tries of a cell that crashed, hit a bug or was disturbed."
    )
    remeasure_disturbed: bool = Field(
        True,
        description="Whether the next run measures a cell again of which no run of a window went "
        "undisturbed by other work, until the cell was tried `max_attempts` times.",
    )
    seed: int = Field(0, ge=0, description="Seed of everything random in a cell.")
    energy: EnergyConfig = Field(EnergyConfig(), description="How energy is measured.")


class ReportConfig(Block):
    """What the report says about itself."""

    title: Texts | None = Field(None, description="Heading; default: the base model's label.")
    bootstrap_resamples: int = Field(
        1000, ge=100, description="Resamples behind the intervals of the metrics."
    )
    published: Name | None = Field(
        None,
        description="Published figures to set beside the measured ones: a file of this name in "
        "`report/published/`, without `.yaml`.",
    )
    gallery_samples: int = Field(
        12,
        ge=0,
        le=50,
        description="Samples per data set whose images and answers the report shows; 0 for none.",
    )


class StudyConfig(Block):
    """One config file: one study."""

    study: Name = Field(description="Name of the study; its results lie in `results/<study>/`.")
    models: dict[Name, ModelConfig] = Field(min_length=1, description="The models, by name.")
    datasets: dict[Name, DatasetConfig] = Field(min_length=1, description="The data sets, by name.")
    optimizations: dict[Name, OptimizationConfig] = Field(
        default={},
        description="Optimisations of your own, by name, beside those that every study knows.",
    )
    base: Base = Field(description="The base cell.")
    sections: list[SectionConfig] = Field(min_length=1, description="The tables of the report.")
    layers: LayersConfig | None = Field(
        None, description="Which cells are profiled layer by layer."
    )
    gates: list[GateConfig] = Field(
        [], description="Limits: where one is broken the run fails, after the report is written."
    )
    decide: DecideConfig = Field(
        DecideConfig(), description="Limits that a recommended setting must keep."
    )
    fits: MemorySizes = Field(
        [],
        description="Memories of devices, such as `24GB` or `80GiB`: the report says which batch "
        "fits each.",
    )
    money: MoneyConfig | None = Field(
        None, description="Prices, from which the report works out what answers cost."
    )
    measure: MeasureConfig = Field(MeasureConfig(), description="How things are measured.")
    report: ReportConfig = Field(ReportConfig(), description="What the report says about itself.")

    @field_validator("optimizations")
    @classmethod
    def _check_optimization_names(
        cls, own: dict[str, OptimizationConfig]
    ) -> dict[str, OptimizationConfig]:
        for name in own:
            if name in BUILT_IN:
                raise ValueError(f'"{name}" is known already and stays what it is: choose another')
        return own

    @property
    def known_optimizations(self) -> dict[str, OptimizationConfig]:
        """Every optimisation that a cell may name."""
        return {**BUILT_IN, **self.optimizations}
