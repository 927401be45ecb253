"""The images of a data set at one size.

Reads: data/<dataset>/samples.parquet by its manifest.
Writes: data/<dataset>/img<size>/images.parquet with a manifest.
"""


rule preprocess_images:
    input:
        manifest=f"{RESULTS}/data/{{dataset}}/samples.json",
    output:
        images=f"{RESULTS}/data/{{dataset}}/img{{size}}/images.parquet",
        manifest=f"{RESULTS}/data/{{dataset}}/img{{size}}/images.json",
    log:
        f"{LOGS}/data/{{dataset}}/img{{size}}.log",
    priority: PREPARING
    conda:
        ENVIRONMENT
    threads: all_cores
    params:
        images=images_params,
    message:
        "Bringing the images of {wildcards.dataset} to {wildcards.size} px"
    script:
        "../scripts/preprocess_images.py"
