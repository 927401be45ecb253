"""The forward pass of a cell, layer by layer.

Reads: as a cell does.
Writes: layers/<dataset>/<cell>.csv and, with the status, layers/<dataset>/<cell>.json.
"""


rule profile_layers:
    input:
        unpack(layers_inputs),
        machine=ancient(f"{RESULTS}/machine.json"),
    output:
        table=f"{RESULTS}/layers/{{dataset}}/{{cell}}.csv",
        record=f"{RESULTS}/layers/{{dataset}}/{{cell}}.json",
    log:
        f"{LOGS}/layers/{{dataset}}/{{cell}}.log",
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: cell_threads
    resources:
        gpu=cell_gpus,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=layers_params,
    message:
        "Profiling the layers of {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/profile_layers.py"
