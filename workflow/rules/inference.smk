"""One cell: measured once, scored as often as the metrics change; the base cell once more.

Reads: the images and texts of a data set, a stored model, machine.json.
Writes: cells/<dataset>/<cell>/measurement.json, predictions.parquet, timings.parquet, record.json;
control/ with the base cell's second measurement.
"""


rule run_inference:
    input:
        unpack(inference_inputs),
        # What the machine is does not make a cell old: a new GPU would measure everything again.
        machine=ancient(f"{RESULTS}/machine.json"),
    output:
        measurement=f"{RESULTS}/cells/{{dataset}}/{{cell}}/measurement.json",
        predictions=f"{RESULTS}/cells/{{dataset}}/{{cell}}/predictions.parquet",
        timings=f"{RESULTS}/cells/{{dataset}}/{{cell}}/timings.parquet",
    log:
        f"{LOGS}/cells/{{dataset}}/{{cell}}/inference.log",
    wildcard_constraints:
        dataset=UNDIVIDED,
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: cell_threads
    resources:
        gpu=cell_gpus,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=inference_params,
    message:
        "Measuring {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/run_inference.py"


rule score_predictions:
    input:
        measurement=f"{RESULTS}/cells/{{dataset}}/{{cell}}/measurement.json",
        predictions=f"{RESULTS}/cells/{{dataset}}/{{cell}}/predictions.parquet",
        samples=f"{RESULTS}/data/{{dataset}}/samples.json",
    output:
        record=f"{RESULTS}/cells/{{dataset}}/{{cell}}/record.json",
        scores=f"{RESULTS}/cells/{{dataset}}/{{cell}}/scores.parquet",
    log:
        f"{LOGS}/cells/{{dataset}}/{{cell}}/score.log",
    conda:
        ENVIRONMENT
    params:
        score=score_params,
    message:
        "Scoring {wildcards.cell} on {wildcards.dataset}"
    script:
        "../scripts/score_predictions.py"


# Comes last: whether the machine still is what it was when the first cell was measured.
rule measure_control:
    input:
        unpack(control_inputs),
        machine=ancient(f"{RESULTS}/machine.json"),
        others=measurements(),
    output:
        measurement=f"{RESULTS}/control/measurement.json",
        predictions=f"{RESULTS}/control/predictions.parquet",
        timings=f"{RESULTS}/control/timings.parquet",
    log:
        f"{LOGS}/control.log",
    priority: MEASURING
    conda:
        ENVIRONMENT
    threads: control_threads
    resources:
        gpu=control_gpus,
        runtime=MEASURING_RUNTIME,
        timeout_s=STUDY.config.measure.timeout_s,
    params:
        job=control_params,
    message:
        "Measuring the base cell again"
    script:
        "../scripts/run_inference.py"
