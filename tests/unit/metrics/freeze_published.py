"""Recompute `published.json` with the published implementations.

They need gigabytes of packages that no test needs, so they have an environment of their own:

    python -m venv published
    published/bin/pip install --no-deps lmms-eval==0.7.3 pycocoevalcap==1.2
    published/bin/pip install anls==0.0.2 transformers==4.46.3 loguru
    published/bin/python tests/unit/metrics/freeze_published.py

The inputs in the file are kept, the outputs are computed again, and each change is printed.
"""

import importlib
import json
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).with_name("published.json")


def import_lmms_eval_task(name):
    """Import a task's module without the framework that its packages would import."""
    root = Path(metadata.distribution("lmms-eval").locate_file("lmms_eval"))
    for package in ("lmms_eval", "lmms_eval.tasks", "lmms_eval.tasks._task_utils"):
        folders = package.split(".")[1:]
        sys.modules.setdefault(package, ModuleType(package)).__path__ = [str(Path(root, *folders))]
    return importlib.import_module(f"lmms_eval.tasks.{name}")


def compute_cider_d(frozen):
    from pycocoevalcap.cider.cider import Cider

    references = dict(enumerate(frozen["references"]))
    candidates = {number: [text] for number, text in enumerate(frozen["candidates"])}
    corpus, scores = Cider().compute_score(references, candidates)
    return {**frozen, "scores": list(map(float, scores)), "corpus": float(corpus)}


def normalise_vqa(frozen):
    processor = import_lmms_eval_task("_task_utils.vqa_eval_metric").EvalAIAnswerProcessor()
    return [[text, processor(text)] for text, _ in frozen]


def compute_vqa_accuracy(frozen):
    process = import_lmms_eval_task("textvqa.utils").textvqa_process_results
    return [
        [
            prediction,
            answers,
            process({"question_id": 0, "answers": list(answers)}, [prediction])["exact_match"],
        ]
        for prediction, answers, _ in frozen
    ]


def read_letters(frozen):
    process = import_lmms_eval_task("scienceqa.utils").sqa_process_results
    doc = {"choices": ["p", "q", "s"], "answer": 1}
    return [[prediction, process(doc, [prediction])["exact_match"]] for prediction, _ in frozen]


def compute_squad(frozen):
    from transformers.data.metrics.squad_metrics import compute_exact, compute_f1

    return [
        [
            prediction,
            reference,
            compute_exact(reference, prediction),
            compute_f1(reference, prediction),
        ]
        for prediction, reference, _, _ in frozen
    ]


def compute_anls(frozen):
    from anls import anls_score

    return [
        [prediction, references, anls_score(prediction, references)]
        for prediction, references, _ in frozen
    ]


METRICS = {
    "cider_d": compute_cider_d,
    "vqa_normalised": normalise_vqa,
    "vqa_accuracy": compute_vqa_accuracy,
    "letter": read_letters,
    "squad": compute_squad,
    "anls": compute_anls,
}


def main():
    before = json.loads(FILE.read_text())
    after = {
        "provenance": before["provenance"],
        **{name: recompute(before[name]) for name, recompute in METRICS.items()},
    }
    for name, values in after.items():
        print(f"{name}: {'unchanged' if values == before[name] else 'changed'}")
    FILE.write_text(json.dumps(after, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
