"""The machine, the data sets' samples and the models' weights.

Reads: the sources that the config names.
Writes: machine.json and machine.noted, data/<dataset>/samples.parquet, models/<model>-<dtype>/,
with manifests.
"""


rule describe_machine:
    output:
        machine=FOLDER.machine,
        described=temp(touch(FOLDER.machine_described)),
    log:
        FOLDER.log("machine"),
    # After what it would let wait: a model is stored, and torch imported for it, beside the data.
    priority: MEASURING
    conda:
        ENVIRONMENT
    resources:
        gpu=RULES.count_machine_gpus,
    params:
        machine=RULES.build_machine_params,
    message:
        "Describing the machine and its idle power"
    script:
        "../scripts/describe_machine.py"


# Asks for the machine again when what is to be described changed. The params of describe_machine
# itself must not: Snakemake does not look at the params of a job below one that runs for its own,
# so a cell that a new GPU could measure would stay as it is.
rule note_machine:
    input:
        FOLDER.machine_described,
    output:
        touch(FOLDER.machine_noted),
    localrule: True
    params:
        machine=RULES.jobs.build_machine(),
    message:
        "Noting what the machine was described for"


rule download_dataset:
    output:
        samples=DATASET.samples,
        manifest=DATASET.manifest,
    log:
        FOLDER.log("data", "{dataset}", "samples"),
    priority: PREPARING
    conda:
        ENVIRONMENT
    params:
        dataset=RULES.build_dataset_params,
        key=RULES.build_dataset_key,
    message:
        "Reading the sample of {wildcards.dataset}"
    script:
        "../scripts/download_dataset.py"


rule fetch_model:
    output:
        manifest=FOLDER.model_manifest("{model}", "{dtype}"),
    log:
        FOLDER.log("models", "{model}-{dtype}"),
    priority: PREPARING
    conda:
        ENVIRONMENT
    params:
        key=RULES.build_model_key,
        model=RULES.build_model_params,
    message:
        "Storing {wildcards.model} as {wildcards.dtype}"
    script:
        "../scripts/fetch_model.py"
