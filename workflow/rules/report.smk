"""From records to tables, figures and the report.

Reads: every record and layer profile of the study.
Writes: summary.csv and summary.parquet, layers.csv, differences.csv with repeatability.json and
their checksums in tables.json, all of them in study.json; gates.json; figures/*.svg, report.md and
study.html in each language with their checksums in report.json; gallery/answers.json with pictures;
check.json.
"""


rule aggregate:
    input:
        records=records(),
        scores=beside_records("scores.parquet"),
        layer_tables=layer_files("csv"),
        layer_records=layer_files("json"),
    output:
        summary=report(
            f"{RESULTS}/summary.csv",
            category="1. Answer",
            caption="../../report/captions/summary.rst",
            labels={"item": "all cells (table)"},
        ),
        parquet=f"{RESULTS}/summary.parquet",
        layers=report(
            f"{RESULTS}/layers.csv",
            category="4. Tables",
            caption="../../report/captions/layers_table.rst",
            labels={"item": "all layers (table)"},
        ),
        differences=report(
            f"{RESULTS}/differences.csv",
            category="4. Tables",
            caption="../../report/captions/differences.rst",
            labels={"item": "cells against each other (table)"},
        ),
        repeatability=f"{RESULTS}/repeatability.json",
        tables=f"{RESULTS}/tables.json",
    log:
        f"{LOGS}/aggregate.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        comparison=plan_comparisons(STUDY).as_params(),
        code=script_digest("aggregate"),
    message:
        "Collecting the records of all cells"
    script:
        "../scripts/aggregate.py"


rule export_study:
    input:
        summary=f"{RESULTS}/summary.parquet",
        layers=f"{RESULTS}/layers.csv",
        differences=f"{RESULTS}/differences.csv",
        repeatability=f"{RESULTS}/repeatability.json",
        tables=f"{RESULTS}/tables.json",
        machine=f"{RESULTS}/machine.json",
        machine_noted=f"{RESULTS}/machine.noted",
    output:
        study=f"{RESULTS}/study.json",
    log:
        f"{LOGS}/export.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        outline=report_outline(STUDY),
        code=script_digest("export_study"),
    message:
        "Putting the whole study into one JSON file"
    script:
        "../scripts/export_study.py"


rule judge_gates:
    input:
        summary=f"{RESULTS}/summary.csv",
        repeatability=f"{RESULTS}/repeatability.json",
        tables=f"{RESULTS}/tables.json",
        baselines=baselines(STUDY),
    output:
        gates=f"{RESULTS}/gates.json",
    log:
        f"{LOGS}/gates.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        gates=gate_plan(STUDY),
        code=script_digest("judge_gates"),
    message:
        "Holding the figures against the gates"
    script:
        "../scripts/judge_gates.py"


rule plot_section:
    input:
        summary=f"{RESULTS}/summary.csv",
        tables=f"{RESULTS}/tables.json",
        locales=locales(),
    output:
        figure=report(
            f"{RESULTS}/figures/{{section}}.svg",
            category="2. Sections",
            caption="../../report/captions/section.rst",
            labels={"section": "{section}"},
        ),
        translated=translated(f"{RESULTS}/figures/{{section}}.svg"),
    log:
        f"{LOGS}/figures/{{section}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        section=section_params,
        datasets=packed(dataset_outline(STUDY)),
        code=script_digest("plot_section"),
    message:
        "Drawing the section {wildcards.section}"
    script:
        "../scripts/plot_section.py"


rule plot_pareto:
    input:
        summary=f"{RESULTS}/summary.csv",
        differences=f"{RESULTS}/differences.csv",
        tables=f"{RESULTS}/tables.json",
        locales=locales(),
    output:
        figure=report(
            f"{RESULTS}/figures/pareto.svg",
            category="1. Answer",
            caption="../../report/captions/pareto.rst",
            labels={"item": "quality against latency and energy (figure)"},
        ),
        translated=translated(f"{RESULTS}/figures/pareto.svg"),
    log:
        f"{LOGS}/figures/pareto.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        outline=packed(decision_outline(STUDY)),
        code=script_digest("plot_pareto"),
    message:
        "Drawing quality against latency and energy"
    script:
        "../scripts/plot_pareto.py"


rule plot_layers:
    input:
        layers=f"{RESULTS}/layers.csv",
        tables=f"{RESULTS}/tables.json",
        records=layer_files("json"),
        machine=f"{RESULTS}/machine.json",
        machine_noted=f"{RESULTS}/machine.noted",
        locales=locales(),
    output:
        figure=report(
            f"{RESULTS}/figures/layers.svg",
            category="3. Layers",
            caption="../../report/captions/layers.rst",
            labels={"item": "time by kind of layer"},
        ),
        translated=translated(f"{RESULTS}/figures/layers.svg"),
    log:
        f"{LOGS}/figures/layers.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        layers=packed(report_outline(STUDY)["layers"]),
        code=script_digest("plot_layers"),
    message:
        "Drawing the layer profiles"
    script:
        "../scripts/plot_layers.py"


ruleorder: plot_layers > plot_section
ruleorder: plot_pareto > plot_section


rule collect_answers:
    input:
        summary=f"{RESULTS}/summary.csv",
        differences=f"{RESULTS}/differences.csv",
        tables=f"{RESULTS}/tables.json",
        manifests=sample_manifests(),
    output:
        # The pictures lie beside it; their checksums are in it.
        answers=f"{RESULTS}/gallery/answers.json",
    log:
        f"{LOGS}/gallery.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=gallery_plan(STUDY),
        cells=f"{RESULTS}/cells",
        code=script_digest("collect_answers"),
    message:
        "Choosing samples and answers to look at"
    script:
        "../scripts/collect_answers.py"


rule render_report:
    input:
        answers=f"{RESULTS}/gallery/answers.json",
        summary=f"{RESULTS}/summary.csv",
        layers=f"{RESULTS}/layers.csv",
        differences=f"{RESULTS}/differences.csv",
        repeatability=f"{RESULTS}/repeatability.json",
        tables=f"{RESULTS}/tables.json",
        layer_records=layer_files("json"),
        manifests=sample_manifests(),
        published=published(),
        control=control(),
        control_base=control_base(),
        gates=gates(),
        machine=f"{RESULTS}/machine.json",
        machine_noted=f"{RESULTS}/machine.noted",
        figures=list(figures().values()),
        translated_figures=translated(*figures().values()),
        templates=report_templates(),
        locales=locales(),
    output:
        markdown=report(
            f"{RESULTS}/report.md",
            category="1. Answer",
            caption="../../report/captions/report.rst",
            labels={"item": "report (Markdown)"},
        ),
        markdown_ru=report(
            f"{RESULTS}/report.ru.md",
            category="1. Answer",
            caption="../../report/captions/report_ru.rst",
            labels={"item": "report in Russian (Markdown)"},
        ),
        page=report(
            f"{RESULTS}/study.html",
            category="1. Answer",
            caption="../../report/captions/study.rst",
            labels={"item": "report (page)"},
        ),
        page_ru=report(
            f"{RESULTS}/study.ru.html",
            category="1. Answer",
            caption="../../report/captions/study_ru.rst",
            labels={"item": "report in Russian (page)"},
        ),
        checksums=f"{RESULTS}/report.json",
    log:
        f"{LOGS}/report.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        outline=packed(report_outline(STUDY)),
        figures=figures(),
        code=script_digest("render_report"),
    message:
        "Writing the report"
    script:
        "../scripts/render_report.py"


rule check_study:
    input:
        report=f"{RESULTS}/report.md",
        study=f"{RESULTS}/study.json",
        gates=gates(),
        summary=f"{RESULTS}/summary.csv",
        tables=f"{RESULTS}/tables.json",
        layer_records=layer_files("json"),
    output:
        check=f"{RESULTS}/check.json",
    log:
        f"{LOGS}/check.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=script_digest("check_study"),
    message:
        "Checking that no cell ended in an error and no gate is broken"
    script:
        "../scripts/check_study.py"
