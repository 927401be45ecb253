"""VLMeter: what a vision-language model costs and how well it answers.

A table of contents. The config becomes targets in common.smk; each step has its rules file.
"""

from snakemake.utils import min_version

min_version("9.27")


# One study is one file: `--configfile` replaces this one, it is never merged with it.
if not workflow.configfiles:

    configfile: "config/config.yaml"


report: "report/workflow.rst"


# From the working directory, with `--software-deployment-method apptainer`; docs/clusters.md makes it.
containerized: "vlmeter.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/download.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/inference.smk"


if RULES.has_costs_apart:

    include: "workflow/rules/shards.smk"


include: "workflow/rules/layers.smk"
include: "workflow/rules/report.smk"


# Before its first job, and in no dry run.
onstart:
    hold_study()
    start_warm_server()
    say_progress()


onsuccess:
    say_verdict()


rule all:
    default_target: True
    input:
        FOLDER.report,
        FOLDER.page,
        FOLDER.check,


# A section's name is a target: `snakemake batch_size` measures that table alone.
for section in STUDY.sections:

    rule:
        name:
            section.name
        input:
            RULES.list_section_targets(section.name),
