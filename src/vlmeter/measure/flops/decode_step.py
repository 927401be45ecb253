"""What a language model is given to decode a further token: what a generation hands to it.

Positions, masks and caches of every kind (keys and values, a window of them, a state of linear
attention, an image's keys for cross attention) are then those of the model itself.
"""

from collections.abc import Callable

from torch import nn


class _StepReachedError(Exception):
    """Ends a generation before the step that is asked for."""


def capture_decode_step(
    generate: Callable[[int], object], decoder: nn.Module, decoded_tokens: int = 0
) -> dict[str, object]:
    """Run a generation up to a decode step and return the step's keyword arguments.

    Args:
        generate: Generates exactly as many tokens as it is given, for one full batch.
        decoder: The module that decodes. Its first call in a generation is the prefill, every
            further one a decode step.
        decoded_tokens: Tokens decoded and cached before the step, besides the first.

    Raises:
        ValueError: the generation does not call the decoder once for each token.
    """
    captured: dict[str, object] = {}
    calls: list[None] = []

    def capture(_: nn.Module, __: object, given: dict[str, object]) -> None:
        calls.append(None)
        if len(calls) == decoded_tokens + 2:
            captured.update(given)
            raise _StepReachedError

    handle = decoder.register_forward_pre_hook(capture, with_kwargs=True)
    try:
        generate(decoded_tokens + 2)
    except _StepReachedError:
        # Whoever counts asks for a plain tuple.
        return {name: value for name, value in captured.items() if name != "return_dict"}
    finally:
        handle.remove()
    raise ValueError("the language model was not called once for each token")
