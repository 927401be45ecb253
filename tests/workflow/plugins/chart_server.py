"""A process that draws the charts of all forks.

What draws starts a runtime of JavaScript first, which takes longer than a chart, and no fork can be
made of it afterwards.
"""

import json
import os
import select
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any

DRAWING = ("vegalite_to_vega", "vega_to_svg")


def let_a_server_draw(vl_convert: ModuleType, folder: str) -> None:
    """Start a server of charts, and let the module ask it, here and in all forks from now on.

    Args:
        vl_convert: The module, which has drawn nothing yet.
        folder: Where the server has its address.
    """
    address = f"{folder}/charts"
    draw_by_name = {name: getattr(vl_convert, name) for name in DRAWING}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        if os.fork() == 0:
            _serve(listening, draw_by_name)
    for name in DRAWING:
        setattr(vl_convert, name, partial(_ask, address, name))


def _serve(listening: socket.socket, draw_by_name: Mapping[str, Callable[..., Any]]) -> None:
    """Draw one chart after the other until the standard input ends."""
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        # Whoever asked may be killed meanwhile.
        with connection, connection.makefile("rw") as lines, suppress(OSError, ValueError):
            request = json.loads(lines.readline())
            draw = draw_by_name[request["name"]]
            try:
                answer = {"drawn": draw(*request["chart"], **request["options"])}
            except ValueError as error:
                answer = {"error": str(error)}
            lines.write(f"{json.dumps(answer)}\n")
    os._exit(0)


def _ask(address: str, name: str, *chart: object, **options: object) -> Any:
    request = {"name": name, "chart": chart, "options": options}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        with server.makefile("rw") as lines:
            lines.write(f"{json.dumps(request)}\n")
            lines.flush()
            answer = json.loads(lines.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["drawn"]
