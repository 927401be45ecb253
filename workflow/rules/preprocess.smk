"""The images of a data set at one size, in squares or as they are.

Reads: data/<dataset>/samples.parquet by its manifest.
Writes: data/<dataset>/img<size>/images.parquet with a manifest.
"""


rule preprocess_images:
    input:
        manifest=DATASET.manifest,
    output:
        images=DATASET.images("{size}"),
        manifest=DATASET.images_manifest("{size}"),
    log:
        FOLDER.log("data", "{dataset}", "img{size}"),
    priority: PREPARING
    conda:
        ENVIRONMENT
    # Two at once: while one starts or ends, the other uses the cores, of which each takes all.
    threads: (ALL_CORES + 1) // 2
    params:
        images=RULES.build_image_params,
        key=RULES.build_image_key,
    message:
        "Bringing the images of {wildcards.dataset} to the size {wildcards.size}"
    script:
        "../scripts/preprocess_images.py"
