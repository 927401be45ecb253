"""One cell: measured once, scored as often as the metrics change; the base cell once more.

Reads: the images and texts of a data set, a stored model, machine.json.
Writes: cells/<dataset>/<cell>/measurement.json, predictions.parquet, timings.parquet, record.json;
control/ with the base cell's second measurement.
"""


rule run_inference:
    input:
        unpack(RULES.list_cell_inputs),
        # What the machine is does not make a cell old: a new GPU would measure everything again.
        machine=ancient(FOLDER.machine),
    output:
        measurement=CELL.measurement,
        predictions=CELL.predictions,
        timings=CELL.timings,
    log:
        FOLDER.log("cells", "{dataset}", "{cell}", "inference"),
    wildcard_constraints:
        dataset=RULES.whole,
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
        job=RULES.build_cell_params,
    message:
        "Measuring {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/run_inference.py"


rule score_predictions:
    input:
        measurement=CELL.measurement,
        predictions=CELL.predictions,
        samples=DATASET.manifest,
    output:
        record=CELL.record,
        scores=CELL.scores,
    log:
        FOLDER.log("cells", "{dataset}", "{cell}", "score"),
    conda:
        ENVIRONMENT
    params:
        score=RULES.build_score_params,
    message:
        "Scoring {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/score_predictions.py"


# Comes last: whether the machine still is what it was when the first cell was measured.
rule measure_control:
    input:
        unpack(RULES.list_control_inputs),
        machine=ancient(FOLDER.machine),
        others=RULES.list_measurements(),
    output:
        measurement=FOLDER.control.measurement,
        predictions=FOLDER.control.predictions,
        timings=FOLDER.control.timings,
    log:
        FOLDER.log("control"),
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: RULES.count_control_threads
    resources:
        gpu=RULES.count_control_gpus,
        mem_mb=MEMORY.estimate_control_mb,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=RULES.build_control_params,
    message:
        "Measuring the base cell again"
    script:
        "../scripts/run_inference.py"
