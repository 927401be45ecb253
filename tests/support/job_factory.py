"""Makes the jobs of a tiny cell, as the planner does."""

from dataclasses import replace
from typing import Any

from vlmeter.axes import Axes
from vlmeter.cell.job import CellJob, CellSetup, JobAttempt, LayersJob
from vlmeter.config.optimizations import BUILT_IN
from vlmeter.measure.settings import EnergySettings, MeasureSettings
from vlmeter.models.decoding import Decoding
from vlmeter.models.optimization import Optimization
from vlmeter.study.settings import build_optimization

AXES = Axes(
    model="tiny",
    prompt="bare",
    device="cpu",
    dtype="fp32",
    image_size=28,
    image_input="processor",
    max_image_tokens=0,
    batch_size=2,
    max_input_len=20,
    optimization="eager",
    new_tokens=3,
)
DECODING = Decoding(
    max_new_tokens=4,
    num_beams=1,
    length_penalty=1.0,
    min_new_tokens=0,
    repetition_penalty=1.0,
    by_model=False,
)
MEASURE = MeasureSettings(
    window_s=0.02,
    min_iterations=2,
    repeats=2,
    target_interval=0.02,
    max_warmup_s=0.02,
    batches=2,
    request=True,
    energy=EnergySettings(
        window_s=0.02,
        min_window_s=0.01,
        min_counter_updates=10,
        cpu_power_w=65.0,
        ram_power_w=5.0,
        country_iso_code="USA",
        grid_kg_per_kwh=None,
    ),
)
SOFTWARE = {"torch": "x"}
FIRST_ATTEMPT = JobAttempt(count=1, key="k", note="note.json")


def get_optimization(name: str) -> Optimization:
    """Return a built-in optimisation."""
    return build_optimization(name, BUILT_IN[name])


def make_setup(
    template: str | None = "question : {question} answer :",
    *,
    optimization: Optimization | None = None,
    gpus: int = 0,
    task: str = "vqa",
    **axes: Any,
) -> CellSetup:
    """Return a cell with other values on some axes; its optimisation is that of its axis."""
    chosen = replace(AXES, **axes)
    return CellSetup(
        id="c",
        dataset="photos",
        axes=chosen,
        gpus=gpus,
        optimization=optimization or get_optimization(chosen.optimization),
        task=task,
        template=template,
        decoding=DECODING,
        seed=0,
        cpu_threads=1,
    )


def make_cell_job(
    template: str | None = "question : {question} answer :",
    *,
    cost_only: bool = False,
    **settings: Any,
) -> CellJob:
    """Return the job that measures a cell as `make_setup` makes it."""
    return CellJob(
        cell=make_setup(template, **settings),
        code="abc",
        software=SOFTWARE,
        measure=MEASURE,
        cost_only=cost_only,
    )


def make_layers_job(
    *, iterations: int = 2, measure: MeasureSettings = MEASURE, **settings: Any
) -> LayersJob:
    """Return the job that profiles a cell as `make_setup` makes it."""
    return LayersJob(
        cell=make_setup(**settings),
        code="abc",
        software=SOFTWARE,
        measure=measure,
        iterations=iterations,
    )
