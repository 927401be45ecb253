"""What a study may vary: one value on every axis is a setting of a cell."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Axes:
    """One value on every axis."""

    model: str
    prompt: str
    device: str
    dtype: str
    image_size: int
    image_input: str
    batch_size: int
    max_input_len: int
    optimization: str

    def as_dict(self) -> dict[str, str | int]:
        """Return the values by axis, in the order of the axes."""
        # Not `asdict`, which copies in depth: a large study asks for thousands of these.
        return dict(vars(self))
