"""A model's processor, also where the package that its part for videos needs is not installed.

Most processors of today take videos beside images, and transformers has that part for torchvision
alone. No video is asked about here, so the part is loaded as its settings and nothing more. This
module alone knows the private names of transformers that this takes.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from transformers import AutoProcessor, ImageProcessingMixin, processing_utils
from transformers.utils.import_utils import is_torchvision_available
from transformers.video_processing_utils import BaseVideoProcessor

_PART = "video_processor"
_LOADING = threading.RLock()
# A process that forks while another of its threads loads would pass the exchanged names on.
os.register_at_fork(
    before=_LOADING.acquire,
    after_in_parent=_LOADING.release,
    after_in_child=_LOADING.release,
)


class VideoSettings(ImageProcessingMixin):
    """A processor's part for videos, which is kept as it is stored and takes none."""

    model_input_names: tuple[str, ...] = ()

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stored = stored

    @classmethod
    def from_pretrained(  # type: ignore[override] # a folder is all that it is given
        cls,
        folder: str | Path,
        **options: Any,  # noqa: ANN401
    ) -> Self:
        """Read the settings; a folder may have none."""
        try:
            stored, _ = BaseVideoProcessor.get_video_processor_dict(folder, **options)
        except OSError:
            stored = {}
        return cls(stored)

    def __getattr__(self, name: str) -> object:
        """Return a setting, which some processors ask for with each prompt; None if it is unset."""
        if name == "stored" or name.startswith("_"):
            raise AttributeError(name)
        return self.stored.get(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings, under the class that they were stored for."""
        return dict(self.stored)


def load_processor(folder: Path, *, own_code: bool = False) -> Any:  # noqa: ANN401
    """Load the processor of a model's folder, without a request to the Hub.

    Args:
        folder: With the processor's and the tokenizer's files.
        own_code: Whether code that lies there may run.

    Raises:
        ImportError: a package is missing that it needs.
        ValueError: the files name no processor of images and text.
    """
    with _without_videos():
        # `local_files_only` is stored with the tokenizer: the same with and without a network.
        processor = AutoProcessor.from_pretrained(
            folder, trust_remote_code=own_code, local_files_only=True
        )
    if not (hasattr(processor, "image_processor") and hasattr(processor, "tokenizer")):
        raise ValueError(
            f"its files name {type(processor).__name__}, which is no processor of images and text"
        )
    return processor


@contextmanager
def _without_videos() -> Iterator[None]:
    """Let transformers take `VideoSettings` for the part for videos, where it has no other."""
    if is_torchvision_available():
        yield
        return
    loaders: dict[str, Any] = processing_utils.MODALITY_TO_AUTOPROCESSOR_MAPPING._MAPPING_NAMES
    bases: dict[str, Any] = processing_utils.MODALITY_TO_BASE_CLASS_MAPPING
    with _LOADING:
        before = loaders[_PART], bases[_PART]
        loaders[_PART] = (VideoSettings.__module__, VideoSettings.__name__)
        bases[_PART] = ImageProcessingMixin.__name__
        try:
            yield
        finally:
            loaders[_PART], bases[_PART] = before


def name_backend(processor: Any) -> str:  # noqa: ANN401
    """Return what a processor makes pixels of an image with: `PIL` or `torchvision`.

    The two differ by a grey level, and in how long they take.
    """
    backend = getattr(processor.image_processor, "backend", "pil")
    return {"pil": "PIL"}.get(backend, backend)
