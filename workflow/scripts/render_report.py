"""Write the report as Markdown and as one self-contained page."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.render_report import render_report
from vlmeter.results.outline import Outline
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    render_report,
    unpack(Outline, snakemake.params.outline),
    Path(snakemake.input.summary),
    Path(snakemake.input.layers),
    Path(snakemake.input.differences),
    Path(snakemake.input.repeatability),
    [Path(path) for path in snakemake.input.layer_records],
    Path(snakemake.input.machine),
    {name: Path(path) for name, path in snakemake.params.figures.items()},
    Path(snakemake.output.markdown),
    Path(snakemake.output.page),
    Path(snakemake.input.templates[0]).parent,
    answers=Path(snakemake.input.answers),
    locales=Path(snakemake.input.locales[0]).parent,
    manifests=[Path(path) for path in snakemake.input.manifests],
    published=next(map(Path, snakemake.input.published), None),
    control=next(map(Path, snakemake.input.control), None),
    base_record=next(map(Path, snakemake.input.control_base), None),
    gates=next(map(Path, snakemake.input.gates), None),
)
