"""The forward pass of a cell, layer by layer.

Reads: as a cell does.
Writes: layers/<dataset>/<cell>.csv and, with the status, layers/<dataset>/<cell>.json.
"""


rule profile_layers:
    input:
        unpack(RULES.list_layer_inputs),
        machine=ancient(FOLDER.machine),
    output:
        table=FOLDER.layer_table(KEY),
        record=FOLDER.layer_record(KEY),
    log:
        FOLDER.log("layers", "{dataset}", "{cell}"),
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
        job=RULES.build_layer_params,
    message:
        "Profiling the layers of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/profile_layers.py"
