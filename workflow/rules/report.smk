"""From records to tables, figures and the report.

Reads: every record and layer profile of the study.
Writes: summary.csv and summary.parquet, layers.csv, differences.csv with repeatability.json and
their checksums in tables.json, all of them in study.json with fits.csv and money.csv; gates.json; figures/*.svg, report.md and
study.html in each language, and a page of each table, with their checksums in report.json; gallery/answers.json with pictures;
check.json.
"""


rule aggregate:
    input:
        records=RULES.list_records(),
        scores=RULES.list_scores(),
        layer_tables=RULES.list_layer_tables(),
        layer_records=RULES.list_layer_records(),
    output:
        summary=report(
            FOLDER.summary,
            category=CATEGORIES["tables"],
            caption="../../report/captions/summary.rst",
            labels={"table": "4 All settings as CSV"},
        ),
        parquet=FOLDER.summary_parquet,
        layers=report(
            FOLDER.layers,
            category=CATEGORIES["tables"],
            caption="../../report/captions/layers_table.rst",
            labels={"table": "6 All layers as CSV"},
        ),
        differences=report(
            FOLDER.differences,
            category=CATEGORIES["tables"],
            caption="../../report/captions/differences.rst",
            labels={"table": "5 Differences as CSV"},
        ),
        repeatability=FOLDER.repeatability,
        tables=FOLDER.tables,
    log:
        FOLDER.log("aggregate"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        comparisons=lambda _: pack(plan_comparisons(STUDY)),
        code=get_script_digest("aggregate"),
    message:
        "Collecting the records of all cells"
    script:
        "../scripts/aggregate.py"


rule export_study:
    input:
        summary=FOLDER.summary_parquet,
        layers=FOLDER.layers,
        differences=FOLDER.differences,
        repeatability=FOLDER.repeatability,
        tables=FOLDER.tables,
        machine=FOLDER.machine,
        machine_noted=FOLDER.machine_noted,
    output:
        study=FOLDER.study,
        fits=FOLDER.fits,
        money=FOLDER.money,
    log:
        FOLDER.log("export"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        outline=lambda _: pack(build_outline(STUDY)),
        code=get_script_digest("export_study"),
    message:
        "Putting the whole study into one JSON file"
    script:
        "../scripts/export_study.py"


rule judge_gates:
    input:
        summary=FOLDER.summary,
        repeatability=FOLDER.repeatability,
        tables=FOLDER.tables,
        baselines=list_baseline_files(STUDY),
    output:
        gates=FOLDER.gates,
    log:
        FOLDER.log("gates"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        gates=lambda _: pack(plan_gates(STUDY)),
        code=get_script_digest("judge_gates"),
    message:
        "Holding the figures against the gates"
    script:
        "../scripts/judge_gates.py"


rule plot_section:
    input:
        summary=FOLDER.summary,
        tables=FOLDER.tables,
        locales=list_catalogues(),
    output:
        figure=report(
            FOLDER.figure("{section}"),
            category=CATEGORIES["sections"],
            caption="../../report/captions/section.rst",
            labels=lambda wildcards: label_section(wildcards.section, "English"),
        ),
        translated=report(
            translate_figures(FOLDER.figure("{section}")),
            category=CATEGORIES["sections"],
            caption="../../report/captions/section_ru.rst",
            labels=lambda wildcards: label_section(wildcards.section, "Русский"),
        ),
    log:
        FOLDER.log("figures", "{section}"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=lambda wildcards: pack(plan_section_figure(STUDY, wildcards.section)),
        code=get_script_digest("plot_section"),
    message:
        "Drawing the section {wildcards.section}"
    script:
        "../scripts/plot_section.py"


rule plot_tradeoff:
    input:
        summary=FOLDER.summary,
        tables=FOLDER.tables,
        locales=list_catalogues(),
    output:
        figure=report(
            FOLDER.figure("tradeoff"),
            category=CATEGORIES["choice"],
            caption="../../report/captions/tradeoff.rst",
            labels={
                "figure": "1 What each setting costs and buys",
                "language": "English",
            },
        ),
        translated=report(
            translate_figures(FOLDER.figure("tradeoff")),
            category=CATEGORIES["choice"],
            caption="../../report/captions/tradeoff_ru.rst",
            labels={
                "figure": "1 What each setting costs and buys",
                "language": "Русский",
            },
        ),
    log:
        FOLDER.log("figures", "tradeoff"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=lambda _: pack(plan_settings_figure(STUDY)),
        code=get_script_digest("plot_tradeoff"),
    message:
        "Drawing what each setting costs and what it buys"
    script:
        "../scripts/plot_tradeoff.py"


rule plot_forest:
    input:
        summary=FOLDER.summary,
        differences=FOLDER.differences,
        tables=FOLDER.tables,
        locales=list_catalogues(),
    output:
        figure=report(
            FOLDER.figure("forest"),
            category=CATEGORIES["choice"],
            caption="../../report/captions/forest.rst",
            labels={"figure": "2 What each knob does", "language": "English"},
        ),
        translated=report(
            translate_figures(FOLDER.figure("forest")),
            category=CATEGORIES["choice"],
            caption="../../report/captions/forest_ru.rst",
            labels={"figure": "2 What each knob does", "language": "Русский"},
        ),
    log:
        FOLDER.log("figures", "forest"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=lambda _: pack(plan_forest_figure(STUDY)),
        code=get_script_digest("plot_forest"),
    message:
        "Drawing what each knob does"
    script:
        "../scripts/plot_forest.py"


rule plot_requests:
    input:
        summary=FOLDER.summary,
        tables=FOLDER.tables,
        locales=list_catalogues(),
    output:
        figure=report(
            FOLDER.figure("requests"),
            category=CATEGORIES["layers"],
            caption="../../report/captions/requests.rst",
            labels={
                "figure": "1 Time of a request, part by part",
                "language": "English",
            },
        ),
        translated=report(
            translate_figures(FOLDER.figure("requests")),
            category=CATEGORIES["layers"],
            caption="../../report/captions/requests_ru.rst",
            labels={
                "figure": "1 Time of a request, part by part",
                "language": "Русский",
            },
        ),
    log:
        FOLDER.log("figures", "requests"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=lambda _: pack(plan_settings_figure(STUDY)),
        code=get_script_digest("plot_requests"),
    message:
        "Drawing where the time of a request goes"
    script:
        "../scripts/plot_requests.py"


rule plot_layers:
    input:
        layers=FOLDER.layers,
        tables=FOLDER.tables,
        records=RULES.list_layer_records(),
        machine=FOLDER.machine,
        machine_noted=FOLDER.machine_noted,
        locales=list_catalogues(),
    output:
        figure=report(
            FOLDER.figure("layers"),
            category=CATEGORIES["layers"],
            caption="../../report/captions/layers.rst",
            labels={
                "figure": "2 Time by layer, and the roofline",
                "language": "English",
            },
        ),
        translated=report(
            translate_figures(FOLDER.figure("layers")),
            category=CATEGORIES["layers"],
            caption="../../report/captions/layers_ru.rst",
            labels={
                "figure": "2 Time by layer, and the roofline",
                "language": "Русский",
            },
        ),
    log:
        FOLDER.log("figures", "layers"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=lambda _: pack(plan_layers_figure(STUDY)),
        code=get_script_digest("plot_layers"),
    message:
        "Drawing the layer profiles"
    script:
        "../scripts/plot_layers.py"


ruleorder: plot_forest > plot_section
ruleorder: plot_layers > plot_section
ruleorder: plot_requests > plot_section
ruleorder: plot_tradeoff > plot_section


rule collect_answers:
    input:
        summary=FOLDER.summary,
        differences=FOLDER.differences,
        tables=FOLDER.tables,
        manifests=RULES.list_sample_manifests(),
    output:
        # The pictures lie beside it; their checksums are in it.
        answers=FOLDER.answers,
    log:
        FOLDER.log("gallery"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        plan=lambda _: pack(plan_gallery(STUDY)),
        cells=str(FOLDER.cells),
        code=get_script_digest("collect_answers"),
    message:
        "Choosing samples and answers to look at"
    script:
        "../scripts/collect_answers.py"


rule render_report:
    input:
        answers=FOLDER.answers,
        summary=FOLDER.summary,
        layers=FOLDER.layers,
        differences=FOLDER.differences,
        repeatability=FOLDER.repeatability,
        tables=FOLDER.tables,
        layer_records=RULES.list_layer_records(),
        manifests=RULES.list_sample_manifests(),
        published=RULES.list_published(),
        control=RULES.list_control(),
        control_base=RULES.list_control_base(),
        gates=RULES.list_gates(),
        machine=FOLDER.machine,
        machine_noted=FOLDER.machine_noted,
        figures=list(RULES.list_figures().values()),
        translated_figures=translate_figures(*RULES.list_figures().values()),
        templates=TEMPLATES,
        locales=list_catalogues(),
    output:
        markdown=report(
            FOLDER.report,
            category=CATEGORIES["report"],
            caption="../../report/captions/report.rst",
            labels={"report": "2 Markdown", "language": "English"},
        ),
        markdown_ru=report(
            get_page_path(FOLDER.report, "ru"),
            category=CATEGORIES["report"],
            caption="../../report/captions/report_ru.rst",
            labels={"report": "2 Markdown", "language": "Русский"},
        ),
        page=report(
            FOLDER.page,
            category=CATEGORIES["report"],
            caption="../../report/captions/study.rst",
            labels={"report": "1 Web page", "language": "English"},
        ),
        page_ru=report(
            get_page_path(FOLDER.page, "ru"),
            category=CATEGORIES["report"],
            caption="../../report/captions/study_ru.rst",
            labels={"report": "1 Web page", "language": "Русский"},
        ),
        summary_page=report(
            FOLDER.table_pages[0],
            category=CATEGORIES["tables"],
            caption="../../report/captions/summary.rst",
            labels={"table": "1 All settings"},
        ),
        differences_page=report(
            FOLDER.table_pages[1],
            category=CATEGORIES["tables"],
            caption="../../report/captions/differences.rst",
            labels={"table": "2 Differences between settings"},
        ),
        layers_page=report(
            FOLDER.table_pages[2],
            category=CATEGORIES["tables"],
            caption="../../report/captions/layers_table.rst",
            labels={"table": "3 All layers"},
        ),
        checksums=FOLDER.report_checksums,
    log:
        FOLDER.log("report"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        outline=lambda _: pack(build_outline(STUDY)),
        figures=RULES.list_figures(),
        code=get_script_digest("render_report"),
    message:
        "Writing the report"
    script:
        "../scripts/render_report.py"


rule check_study:
    input:
        report=FOLDER.report,
        study=FOLDER.study,
        gates=RULES.list_gates(),
        summary=FOLDER.summary,
        tables=FOLDER.tables,
        layer_records=RULES.list_layer_records(),
    output:
        check=FOLDER.check,
    log:
        FOLDER.log("check"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=get_script_digest("check_study"),
    message:
        "Checking that no cell ended in an error and no gate is broken"
    script:
        "../scripts/check_study.py"
