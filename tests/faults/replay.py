"""Runs a job of the workflow again, as its script did: `replay.py KEPT`, where the call lies."""

import pickle
import sys
from pathlib import Path

from vlmeter import scripting

name, args, kwargs = pickle.loads(Path(sys.argv[1]).read_bytes())
getattr(scripting, name)(*args, **kwargs)
