"""The machine, the data sets' samples and the models' weights.

Reads: the sources that the config names.
Writes: machine.json, data/<dataset>/samples.parquet, models/<model>-<dtype>/, with manifests.
"""


rule describe_machine:
    output:
        machine=f"{RESULTS}/machine.json",
    log:
        f"{LOGS}/machine.log",
    conda:
        ENVIRONMENT
    params:
        machine=JOBS.machine(),
    message:
        "Describing the machine and its idle power"
    script:
        "../scripts/describe_machine.py"


rule download_dataset:
    output:
        samples=f"{RESULTS}/data/{{dataset}}/samples.parquet",
        manifest=f"{RESULTS}/data/{{dataset}}/samples.json",
    log:
        f"{LOGS}/data/{{dataset}}/samples.log",
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
    conda:
        ENVIRONMENT
    params:
        model=model_params,
    message:
        "Storing {wildcards.model} as {wildcards.dtype}"
    script:
        "../scripts/fetch_model.py"
