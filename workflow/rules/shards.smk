"""Cells whose quality pass is split: their costs, each shard of their answers, and all of it gathered.

Read only where a data set has shards.

Reads: the images and texts of a data set, a stored model, machine.json.
Writes: shards/<dataset>/<cell>/ with costs.json and a table and manifest per shard, and from them
what an undivided cell has below cells/.
"""


rule measure_costs:
    input:
        unpack(inference_inputs),
        machine=ancient(f"{RESULTS}/machine.json"),
    output:
        measurement=f"{RESULTS}/shards/{{dataset}}/{{cell}}/costs.json",
        timings=f"{RESULTS}/shards/{{dataset}}/{{cell}}/timings.parquet",
    log:
        f"{LOGS}/shards/{{dataset}}/{{cell}}/costs.log",
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: cell_threads
    resources:
        gpu=cell_gpus,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=costs_params,
    message:
        "Measuring the costs of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/run_inference.py"


rule answer_shard:
    input:
        unpack(shard_inputs),
    output:
        answers=f"{RESULTS}/shards/{{dataset}}/{{cell}}/{{number}}-of-{{shards}}.parquet",
        manifest=f"{RESULTS}/shards/{{dataset}}/{{cell}}/{{number}}-of-{{shards}}.json",
    log:
        f"{LOGS}/shards/{{dataset}}/{{cell}}/{{number}}-of-{{shards}}.log",
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: cell_threads
    resources:
        gpu=cell_gpus,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=shard_params,
    message:
        "Answering shard {wildcards.number} of {wildcards.shards} of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/answer_shard.py"


rule gather_shards:
    input:
        costs=f"{RESULTS}/shards/{{dataset}}/{{cell}}/costs.json",
        shards=shard_manifests,
    output:
        measurement=f"{RESULTS}/cells/{{dataset}}/{{cell}}/measurement.json",
        predictions=f"{RESULTS}/cells/{{dataset}}/{{cell}}/predictions.parquet",
        timings=f"{RESULTS}/cells/{{dataset}}/{{cell}}/timings.parquet",
    log:
        f"{LOGS}/cells/{{dataset}}/{{cell}}/gather.log",
    wildcard_constraints:
        dataset=DIVIDED,
    conda:
        ENVIRONMENT
    params:
        gather=JOBS.gathered(),
    message:
        "Gathering the shards of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/gather_shards.py"
