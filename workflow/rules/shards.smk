"""Cells that other jobs answer: their costs, each shard of their answers, and all of it gathered.

Read only where a data set has shards, or cells differ in nothing that changes an answer.

Reads: the images and texts of a data set, a stored model, machine.json; what another cell answered.
Writes: shards/<dataset>/<cell>/ with costs.json and a table and manifest per shard, and from them
what an undivided cell has below cells/.
"""


rule measure_costs:
    input:
        unpack(RULES.list_cell_inputs),
        machine=ancient(FOLDER.machine),
    output:
        measurement=SHARDS.costs,
        timings=SHARDS.timings,
    log:
        FOLDER.log("shards", "{dataset}", "{cell}", "costs"),
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: RULES.count_cell_threads
    resources:
        gpu=RULES.count_cell_gpus,
        mem_mb=MEMORY.estimate_cell_mb,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=RULES.build_costs_params,
    message:
        "Measuring the costs of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/run_inference.py"


rule answer_shard:
    input:
        unpack(RULES.list_shard_inputs),
    output:
        answers=SHARDS.answers("{number}", "{shards}"),
        manifest=SHARDS.manifest("{number}", "{shards}"),
    log:
        FOLDER.log("shards", "{dataset}", "{cell}", "{number}-of-{shards}"),
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: RULES.count_cell_threads
    resources:
        gpu=RULES.count_cell_gpus,
        mem_mb=MEMORY.estimate_cell_mb,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=RULES.build_shard_params,
    message:
        "Answering shard {wildcards.number} of {wildcards.shards} of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/answer_shard.py"


rule gather_shards:
    input:
        costs=SHARDS.costs,
        answers=RULES.list_answers,
    output:
        measurement=CELL.measurement,
        predictions=CELL.predictions,
        timings=CELL.timings,
    log:
        FOLDER.log("cells", "{dataset}", "{cell}", "gather"),
    wildcard_constraints:
        dataset=RULES.gathered,
    conda:
        ENVIRONMENT
    params:
        gather=RULES.jobs.build_gathering(),
    message:
        "Gathering the answers of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/gather_shards.py"
