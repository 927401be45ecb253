"""What the host's own stages of a request cost: they take stated times while a request runs."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from simulation.clock import SimulatedTime
from vlmeter.cell.worker import request
from vlmeter.models.batches import Feeder

DECODE_IMAGE_S, RESIZE_S, DETOKENIZE_S = 3e-3, 1e-3, 0.3e-3
"""Of each sample."""
PROCESSOR_S, TOKENIZE_S, TRANSFER_S = 7e-3, 2e-3, 0.8e-3
"""Of each call of the image processor and of the tokenizer, and of each batch."""


class RequestStages:
    """Spends time on a request's stages, and on none of the same calls outside of a request."""

    def __init__(self, time: SimulatedTime, transfer: Callable[[float], object]) -> None:
        """Spend a host's time; `transfer` is given the seconds of a transfer."""
        self._time, self._transfer = time, transfer
        self._is_inside = False

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put the costs on what a request calls."""
        patch.setattr(request.Requests, "run", self._as_request(request.Requests.run))
        for name, seconds in (("decode_rgb", DECODE_IMAGE_S), ("resize_rgb", RESIZE_S)):
            patch.setattr(request, name, self._cost(getattr(request, name), seconds))
        patch.setattr(Feeder, "transfer", self._cost(Feeder.transfer, TRANSFER_S, self._transfer))

    def put_on(self, processor: Any) -> None:
        """Put the costs on a processor."""
        for part, method, seconds in (
            (processor.image_processor, "__call__", PROCESSOR_S),
            (processor.tokenizer, "__call__", TOKENIZE_S),
            (processor.tokenizer, "decode", DETOKENIZE_S),
        ):
            kind = type(part)
            costly = self._cost(getattr(kind, method), seconds)
            part.__class__ = type(kind.__name__, (kind,), {method: costly})

    def _as_request(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def run(*args: Any) -> Any:
            self._is_inside = True
            try:
                return plain(*args)
            finally:
                self._is_inside = False

        return run

    def _cost(
        self,
        plain: Callable[..., Any],
        seconds: float,
        spend: Callable[[float], object] | None = None,
    ) -> Callable[..., Any]:
        @functools.wraps(plain)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._is_inside:
                (spend or self._time.spend)(seconds)
            return plain(*args, **kwargs)

        return call
