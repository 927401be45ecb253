"""The small study that workflow tests run: its config, its cells and its jobs."""

from collections.abc import Iterable
from typing import Any

CONFIG = "study.yaml"
RESULTS = "results/small"

Job = tuple[str, ...]
"""A rule and the values of its wildcards."""

STUDY: dict[str, Any] = {
    "study": "small",
    "models": {"tiny": {"source": {"path": "demo/model"}}},
    "datasets": {
        "coco": {
            "task": "caption",
            "source": {"path": "demo/data/coco.parquet"},
            "columns": {"id": "question_id", "image": "image", "references": "answer"},
            "sample": {"n": 4, "seed": 0},
            "prompts": {"bare": ""},
            "max_new_tokens": 4,
        },
        "textvqa": {
            "task": "vqa",
            "source": {"path": "demo/data/textvqa.parquet"},
            "columns": {
                "id": "question_id",
                "image": "image",
                "question": "question",
                "references": "answers",
            },
            "sample": {"n": 5, "seed": 0},
            "prompts": {"bare": "{question}"},
            "max_new_tokens": 4,
        },
    },
    "base": {
        "model": "tiny",
        "device": "cpu",
        "dtype": "fp32",
        "image_size": 224,
        "batch_size": 1,
        "max_input_len": 20,
        "new_tokens": 2,
    },
    "sections": [
        {
            "name": "batch",
            "title": "Size of the batch",
            "datasets": ["textvqa"],
            "vary": {"batch_size": [1, 2]},
        },
        {
            "name": "size",
            "title": "Size of the image",
            "datasets": ["coco", "textvqa"],
            "vary": {"image_size": [224, 336]},
        },
        {
            "name": "device",
            "title": "GPU or CPU",
            "datasets": ["textvqa"],
            "vary": {"device": ["cuda", "cpu"]},
        },
    ],
    "layers": {
        "dataset": "textvqa",
        "grids": [{"vary": {"batch_size": [1]}}],
        "iterations": 1,
    },
    "measure": {
        "window_s": 0.05,
        "min_iterations": 2,
        "repeats": 2,
        "max_warmup_s": 0.1,
        "batches": 2,
        "cpu_threads": 1,
        "timeout_s": 120,
        # Tests disturb each other, and what runs again must not depend on that.
        "remeasure_disturbed": False,
        "energy": {"window_s": 0.05, "min_window_s": 1.0, "idle_window_s": 0.1},
    },
    "report": {"bootstrap_resamples": 100},
}
"""Six cells on one tiny model: five that any machine can measure, one that wants a GPU."""


def cell_id(
    batch_size: int = 1, image_size: int = 224, dtype: str = "fp32", device: str = "cpu"
) -> str:
    """The id of a cell of the small study."""
    return f"tiny-bs{batch_size}-img{image_size}-len20-{dtype}-eager-{device}"


CELLS = (
    ("textvqa", cell_id()),
    ("textvqa", cell_id(batch_size=2)),
    ("coco", cell_id()),
    ("coco", cell_id(image_size=336)),
    ("textvqa", cell_id(image_size=336)),
    ("textvqa", cell_id(device="cuda")),
)
CUDA_CELL = ("textvqa", cell_id(device="cuda"))
MACHINE = frozenset({("describe_machine",), ("note_machine",)})
LAYERS = ("profile_layers", "textvqa", cell_id())
REPORT: frozenset[Job] = frozenset(
    {
        ("aggregate",),
        ("export_study",),
        ("plot_section", "batch"),
        ("plot_section", "size"),
        ("plot_section", "device"),
        ("plot_layers",),
        ("plot_tradeoff",),
        ("plot_forest",),
        ("plot_requests",),
        ("collect_answers",),
        ("render_report",),
        ("check_study",),
    }
)
"""What follows from any new record."""
AFTER_MEASURING = REPORT | {("measure_control",)}
"""What follows from any new measurement, besides its score."""


def inference(cells: Iterable[tuple[str, str]]) -> set[Job]:
    """The measurements of these cells."""
    return {("run_inference", *cell) for cell in cells}


def scores(cells: Iterable[tuple[str, str]]) -> set[Job]:
    """The scores of these cells."""
    return {("score_predictions", *cell) for cell in cells}
