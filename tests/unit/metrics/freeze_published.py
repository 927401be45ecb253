"""Recompute `published.json` with the implementations that it was frozen from.

Together they need gigabytes that no test does, so they get an environment of their own:

    python -m venv published
    published/bin/pip install --no-deps lmms-eval==0.7.3 pycocoevalcap==1.2
    published/bin/pip install anls==0.0.2 transformers==4.46.3 loguru
    published/bin/python tests/unit/metrics/freeze_published.py

The inputs in the file stay as they are, the outputs are written anew, and what changed is printed.
"""

import importlib
import json
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).with_name("published.json")


def lmms_eval_task(name):
    """Import one task's module without the framework that its packages would import."""
    root = Path(metadata.distribution("lmms-eval").locate_file("lmms_eval"))
    for package in ("lmms_eval", "lmms_eval.tasks", "lmms_eval.tasks._task_utils"):
        below = package.split(".")[1:]
        sys.modules.setdefault(package, ModuleType(package)).__path__ = [str(Path(root, *below))]
    return importlib.import_module(f"lmms_eval.tasks.{name}")


def cider_d(frozen):
    from pycocoevalcap.cider.cider import Cider

    references = dict(enumerate(frozen["references"]))
    candidates = {number: [text] for number, text in enumerate(frozen["candidates"])}
    corpus, scores = Cider().compute_score(references, candidates)
    return {**frozen, "scores": list(map(float, scores)), "corpus": float(corpus)}


def vqa_normalised(frozen):
    processor = lmms_eval_task("_task_utils.vqa_eval_metric").EvalAIAnswerProcessor()
    return [[text, processor(text)] for text, _ in frozen]


def vqa_accuracy(frozen):
    process = lmms_eval_task("textvqa.utils").textvqa_process_results
    return [
        [
            prediction,
            answers,
            process({"question_id": 0, "answers": list(answers)}, [prediction])["exact_match"],
        ]
        for prediction, answers, _ in frozen
    ]


def letter(frozen):
    process = lmms_eval_task("scienceqa.utils").sqa_process_results
    doc = {"choices": ["p", "q", "s"], "answer": 1}
    return [[prediction, process(doc, [prediction])["exact_match"]] for prediction, _ in frozen]


def squad(frozen):
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


def anls(frozen):
    from anls import anls_score

    return [
        [prediction, references, anls_score(prediction, references)]
        for prediction, references, _ in frozen
    ]


def main():
    before = json.loads(FILE.read_text())
    metrics = (cider_d, vqa_normalised, vqa_accuracy, letter, squad, anls)
    after = {
        "provenance": before["provenance"],
        **{metric.__name__: metric(before[metric.__name__]) for metric in metrics},
    }
    for name, values in after.items():
        print(f"{name}: {'as it was' if values == before[name] else 'changed'}")
    FILE.write_text(json.dumps(after, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
