"""The quality pass of one cell beside lmms-eval's on the same weights and samples.

README.md here says what is the same and what is not.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from commands import DEMO, NEW_TOKENS, Took, run
from ours import Workflow

HERE, DATA = Path(__file__).parent, DEMO / "data" / "textvqa.parquet"
TASK = f"""
task: signs
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {DATA}
test_split: test
output_type: generate_until
doc_to_visual: !function signs.open_image
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answers[0]}}}}"
generation_kwargs:
  max_new_tokens: {NEW_TOKENS}
  temperature: 0
  do_sample: false
process_results: !function signs.score
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""


class Peer:
    """lmms-eval's side: its command in its own environment."""

    def __init__(self, folder: Path, programs: Path) -> None:
        """Write its task.

        Args:
            folder: For its task and results.
            programs: Where its Python lies.
        """
        folder.mkdir()
        (folder / "signs.yaml").write_text(TASK)
        shutil.copy(HERE / "signs.py", folder)
        self._folder, self._log = folder, folder / "log"
        self._command = [
            *(str(programs / "python"), str(HERE / "lmms_answers.py"), "--model", "instructblip"),
            *("--model_args", f"pretrained={DEMO / 'model'}", "--device", "cpu"),
            *("--tasks", "signs", "--include_path", str(folder), "--batch_size", "1"),
            *("--output_path", str(folder / "out"), "--log_samples"),
        ]

    def answer(self) -> tuple[Took, float]:
        """Run it anew; return what all of it took, and the seconds of its answers alone."""
        shutil.rmtree(self._folder / "out", ignore_errors=True)
        took = run(self._command, self._folder, self._log)
        (line,) = (line for line in self._log.read_text().splitlines() if "answers_s" in line)
        return took, float(json.loads(line[line.index("{") :])["answers_s"])

    def read_answers(self) -> list[str]:
        """Return the last word of each answer, before which it leaves the prompt."""
        (path,) = (self._folder / "out").rglob("*_samples_signs.jsonl")
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [row["filtered_resps"].split()[-1] for row in rows]


def compare(folder: Path, programs: Path, turns: int) -> int:
    """Let both answer in turn and print a table; return 1 where VLMeter takes longer."""
    samples = pq.read_metadata(DATA).num_rows
    workflow = Workflow(folder / "vlmeter", 1, batch_sizes=[1], samples=samples)
    peer = Peer(folder / "lmms-eval", programs)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for _ in range(turns):
        took, _ = workflow.measure()
        ours.append((workflow.read_measurement()["time_spent_s"]["answers"], took.wall_s))
        took, answers_s = peer.answer()
        theirs.append((answers_s, took.wall_s))
    answers = [words.split()[-1] for words in workflow.read_answers()]
    same = sum(map(str.__eq__, answers, peer.read_answers()))
    print(
        f"{samples} samples, batch 1; {turns} runs of each, in turn; {same} answers are the same.\n"
    )
    print("| median of the runs | VLMeter | lmms-eval | ratio |\n|---|---|---|---|")
    ratios = []
    for what, columns in (
        ("the answers, of model and samples that are loaded", 0),
        ("the whole command", 1),
    ):
        pair = [statistics.median(run[columns] for run in runs) for runs in (ours, theirs)]
        ratios.append(pair[0] / pair[1])
        print(f"| {what} | {pair[0]:.3g} s | {pair[1]:.3g} s | {ratios[-1]:.2f} |")
    if ratios[0] > 1 or same != samples:
        print("FAILED: the quality pass takes longer than the peer's, or answers differ")
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=Path, help="folder of the peer's programs")
    parser.add_argument("--turns", type=int, default=3, help="runs of each, in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return compare(Path(name), options.programs.absolute(), options.turns)


if __name__ == "__main__":
    sys.exit(main())
