"""What once held on real inputs, and the tests by which it stays so: a suite of its own.

`python tests/unit/test_what_holds.py` prints them for pytest:
`pytest $(python tests/unit/test_what_holds.py)`.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
METRICS = "unit/metrics"
PICTURES = "unit/data/test_preprocess_images.py"
TABLES = "unit/data/test_local_files.py"
STUDIES = "workflow/test_studies.py"
HELD = {
    "every metric equals a published implementation of it": [
        f"{METRICS}/test_wer.py::test_words_equal_those_of_jiwer_s_transforms",
        f"{METRICS}/test_wer.py::test_corpus_wer_divides_the_sums_and_is_not_the_mean",
        f"{METRICS}/test_wer.py::test_with_single_references_wer_and_mer_equal_jiwer_s",
        f"{METRICS}/test_wer.py::test_with_several_references_wer_equals_jiwer_s_of_the_best_pairs",
        f"{METRICS}/test_wer.py::test_cer_counts_characters_of_the_best_reference_as_jiwer_does",
        f"{METRICS}/test_published.py::test_vqa_accuracy_equals_lmms_eval",
        f"{METRICS}/test_published.py::test_vqa_normalisation_equals_the_evalai_processor",
        f"{METRICS}/test_published.py::test_anls_equals_the_anls_package",
        f"{METRICS}/test_published.py::test_exact_match_and_token_f1_equal_the_squad_evaluation",
        f"{METRICS}/test_published.py::test_cider_d_equals_pycocoevalcap",
        f"{METRICS}/test_multiple_choice.py::"
        "test_the_likeliest_option_is_the_answer_and_ties_share_the_credit",
    ],
    "latency is the median of what was timed": [
        "unit/measure/test_latency.py::test_a_model_of_given_cost_gives_exactly_that_cost",
        "unit/measure/test_latency.py::test_the_rounds_are_medians_and_their_column_says_so",
    ],
    "energy is the sum of its parts": [
        "unit/measure/energy/test_meter.py::"
        "test_the_hardware_s_counter_is_preferred_and_codecarbon_stands_beside_it",
        "unit/cell/test_worker.py::test_every_column_shows_what_the_machine_did",
    ],
    "after a kill at any moment the results are the same": [
        "faults/test_faults.py::test_nothing_is_lost_and_nothing_false_when",
        "workflow/test_places.py::test_a_run_holds_its_study_and_a_killed_one_gives_it_up",
    ],
    "two runs of one study are refused": [
        "workflow/test_places.py::test_a_run_holds_its_study_and_a_killed_one_gives_it_up",
    ],
    "what means harm is not executed and nothing outside is read": [
        "unit/test_hostile_input.py::test_no_name_leads_out_of_the_results_folder",
        "unit/test_hostile_input.py::test_a_template_reaches_into_no_object",
        "unit/test_hostile_input.py::test_markdown_shows_any_text_as_it_is",
        "unit/test_hostile_input.py::"
        "test_a_page_shows_any_text_as_it_is_and_takes_none_for_a_template",
        "unit/test_hostile_input.py::test_a_table_holds_any_text_and_no_spreadsheet_runs_it",
        "unit/test_hostile_input.py::test_yaml_of_any_kind_is_a_table_or_refused_in_a_sentence",
        f"{STUDIES}::test_no_text_of_a_config_is_a_script_in_snakemake_s_report",
        f"{TABLES}::test_images_that_are_missing_or_outside_the_folder_are_named",
        "unit/data/test_download_dataset.py::test_a_file_that_a_table_names_is_not_opened",
        f"{PICTURES}::test_a_file_that_is_a_program_is_no_image",
        f"{PICTURES}::test_a_bomb_is_refused_before_it_is_decoded",
        "unit/models/test_weight_files.py::"
        "test_a_pickle_that_holds_more_than_weights_is_refused_even_so",
        "unit/models/test_weight_files.py::"
        "test_code_that_comes_with_weights_is_refused_with_what_would_allow_it",
        "unit/models/test_weight_files.py::"
        "test_a_list_of_safetensors_that_names_another_file_is_refused",
    ],
    "pictures of any kind are read": [
        f"{PICTURES}::test_an_image_of_any_mode_keeps_its_colour",
        f"{PICTURES}::test_of_several_pictures_in_a_file_the_first_is_the_image",
        f"{PICTURES}::test_exif_that_cannot_be_read_is_no_reason_in_other_formats",
        f"{PICTURES}::test_an_image_is_turned_upright_as_its_exif_says",
    ],
    "files may have odd names": [
        f"{TABLES}::test_an_image_may_have_any_name",
        "unit/study/test_content.py::test_a_name_that_is_no_utf8_is_kept",
    ],
    "every type of Arrow that holds texts is read": [
        "unit/data/test_cells.py::test_a_type_of_parquet_that_holds_texts_or_numbers_is_read",
    ],
    "Snakemake's own commands work": [
        f"{STUDIES}::test_the_workflow_passes_snakemake_s_linter",
        f"{STUDIES}::test_snakemake_s_own_commands_work_on_a_finished_study",
        f"{STUDIES}::test_snakemake_s_report_is_one_page_that_loads_nothing_from_elsewhere",
    ],
    "paths may have accents, spaces and links in them": [
        "workflow/test_places.py::"
        "test_results_go_on_in_another_folder_and_the_report_is_written_there",
        f"{TABLES}::test_a_circle_of_links_is_named",
    ],
    "a study of many cells is planned at once": [
        "workflow/test_benchmarks.py::"
        "test_a_study_of_a_hundred_made_up_cells_goes_through_every_rule_after_its_records",
    ],
}
"""By what holds: tests below `tests/`."""


def list_tests() -> list[str]:
    """Return each test once."""
    return sorted({test for tests in HELD.values() for test in tests})


@pytest.mark.parametrize("file", sorted({test.split("::")[0] for test in list_tests()}))
def test_what_holds_is_held_by_tests_that_are_there(file):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    present = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    named = {test.split("::")[1] for test in list_tests() if test.startswith(f"{file}::")}
    assert named <= present


if __name__ == "__main__":
    print("\n".join(f"tests/{test}" for test in list_tests()))
