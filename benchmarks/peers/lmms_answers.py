"""lmms-eval's command with its InstructBLIP loop around BLIP-2; runs in the peer's environment.

It has no model of BLIP-2. The classes of transformers take the same arguments, so that its own loop
answers; how long that takes is printed as JSON.
"""

import json
import sys
import time
from typing import Any

import lmms_eval.models.simple.instructblip as module
from lmms_eval.__main__ import cli_evaluate
from transformers import Blip2ForConditionalGeneration, Blip2Processor

module.InstructBlipForConditionalGeneration = Blip2ForConditionalGeneration
module.InstructBlipProcessor = Blip2Processor
generate_until = module.InstructBLIP.generate_until


def time_answers(self: Any, requests: Any) -> Any:
    begun_s = time.perf_counter()
    answers = generate_until(self, requests)
    print(json.dumps({"answers_s": time.perf_counter() - begun_s}), file=sys.stderr, flush=True)
    return answers


module.InstructBLIP.generate_until = time_answers

if __name__ == "__main__":
    cli_evaluate()
