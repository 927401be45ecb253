"""Florence-2: an encoder-decoder whose encoder reads image and prompt together."""

from vlmeter.models.families.base import SelfPlacing


class Florence2(SelfPlacing):
    """A task token such as <CAPTION> in a prompt is spelled out by the processor."""

    name = "Florence-2"
