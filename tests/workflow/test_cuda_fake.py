"""The stand-in for CUDA answers what libraries ask beside a CUDA build of torch."""

import json
import os
import subprocess
import sys

import pytest
from python_path import search_first
from studytree import REPOSITORY

GPU = "GPU-00000000-0000-0000-0000-000000000001"
# A CPU build comes without triton: that it is there is all that a CUDA build adds to the question.
PROGRAM = """
import json, sys, torch, torch._dynamo
from torch.utils import _triton
_triton.has_triton_package = lambda: True
answers = {}
for question in json.loads(sys.argv[1]):
    try:
        answers[question] = eval(question)
    except Exception as error:
        answers[question] = repr(error)
print(json.dumps(answers))
"""
ANSWERS = {
    # What torchao asks when it is imported.
    "_triton.has_triton()": True,
    "torch.cuda.current_device()": 0,
    "torch.cuda.get_device_capability('cuda:0')": [9, 0],
    "torch.cuda.get_device_properties(0).major": 9,
    "torch.cuda.get_device_properties(0).minor": 0,
}


@pytest.fixture(scope="module")
def answers():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(list(ANSWERS))],
        env={
            **os.environ,
            **search_first(REPOSITORY / "tests/workflow/fakes/cuda"),
            "CUDA_VISIBLE_DEVICES": GPU,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("question", ANSWERS)
def test_the_stand_in_answers(answers, question):
    assert answers[question] == ANSWERS[question]
