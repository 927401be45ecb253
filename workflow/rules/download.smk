"""The machine, the data sets' samples and the models' weights.

Reads: the sources that the config names.
Writes: machine.json and machine.noted, data/<dataset>/samples.parquet, models/<model>-<dtype>/,
with manifests.
"""


rule describe_machine:
    output:
        machine=f"{RESULTS}/machine.json",
        described=temp(touch(f"{RESULTS}/machine.described")),
    log:
        f"{LOGS}/machine.log",
    priority: PREPARING
    conda:
        ENVIRONMENT
    resources:
        gpu=machine_gpus,
    params:
        machine=machine_params,
    message:
        "Describing the machine and its idle power"
    script:
        "../scripts/describe_machine.py"


# Asks for the machine again when what is to be described changed. The params of describe_machine
# itself must not: Snakemake does not look at the params of a job below one that runs for its own,
# so a cell that a new GPU could measure would stay as it is.
rule note_machine:
    input:
        f"{RESULTS}/machine.described",
    output:
        touch(f"{RESULTS}/machine.noted"),
    localrule: True
    params:
        machine=JOBS.machine(),
    message:
        "Noting what the machine was described for"


rule download_dataset:
    output:
        samples=f"{RESULTS}/data/{{dataset}}/samples.parquet",
        manifest=f"{RESULTS}/data/{{dataset}}/samples.json",
    log:
        f"{LOGS}/data/{{dataset}}/samples.log",
    priority: PREPARING
    conda:
        ENVIRONMENT
    params:
        dataset=dataset_params,
    message:
        "Reading the sample of {wildcards.dataset}"
    script:
        "../scripts/download_dataset.py"


rule fetch_model:
    output:
        manifest=f"{RESULTS}/models/{{model}}-{{dtype}}.json",
    log:
        f"{LOGS}/models/{{model}}-{{dtype}}.log",
    priority: PREPARING
    conda:
        ENVIRONMENT
    params:
        model=model_params,
    message:
        "Storing {wildcards.model} as {wildcards.dtype}"
    script:
        "../scripts/fetch_model.py"
