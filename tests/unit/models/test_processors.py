import json
import os
import threading
from types import SimpleNamespace

import pytest
import tiny_families
from transformers import processing_utils
from transformers.utils.import_utils import is_torchvision_available

from vlmeter.models.processors import load_processor, name_backend
from vlmeter.storage.files import read_json

pytestmark = pytest.mark.skipif(
    is_torchvision_available(), reason="torchvision is installed, so that nothing stands in"
)
TYPES = {
    "qwen2_vl": ("Qwen2VLProcessor", "Qwen2VLImageProcessor"),
    "llava_onevision": ("LlavaOnevisionProcessor", "LlavaOnevisionImageProcessor"),
    "internvl": ("InternVLProcessor", "GotOcr2ImageProcessor"),
}


def read_names():
    """Return the two entries of transformers that loading exchanges."""
    return (
        processing_utils.MODALITY_TO_AUTOPROCESSOR_MAPPING._MAPPING_NAMES["video_processor"],
        processing_utils.MODALITY_TO_BASE_CLASS_MAPPING["video_processor"],
    )


@pytest.fixture
def write_files(tmp_path):
    """Write a processor's files as the Hub has them, with settings of its part for videos."""

    def write(model_type, videos=None):
        processor, images = TYPES[model_type]
        special = {"start_image_token": "<s>", "end_image_token": "</s>"}
        named = {"context_image_token": "<image>", "video_token": "<row_1_col_1>", **special}
        tiny_families.tokenizer(**named).save_pretrained(tmp_path)
        settings = {"image_processor_type": images, "processor_class": processor}
        contents = {"config": {"model_type": model_type}, "preprocessor_config": settings}
        if videos is not None:
            contents["video_preprocessor_config"] = videos
        for name, content in contents.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("model_type", TYPES)
def test_a_processor_with_a_part_for_videos_loads_without_torchvision(write_files, model_type):
    before = read_names()
    processor = load_processor(write_files(model_type))
    assert type(processor).__name__ == TYPES[model_type][0]
    assert name_backend(processor) == "PIL"
    assert read_names() == before


def test_the_stored_copy_keeps_the_settings_for_videos_under_their_own_class(write_files, tmp_path):
    settings = {"video_processor_type": "Qwen2VLVideoProcessor", "temporal_patch_size": 4}
    load_processor(write_files("qwen2_vl", settings)).save_pretrained(tmp_path / "copy")
    stored = read_json(tmp_path / "copy/processor_config.json")
    assert stored["video_processor"] == settings
    again = load_processor(tmp_path / "copy")
    assert again.to_dict()["video_processor"] == settings


def test_the_names_are_back_after_a_refusal(tmp_path):
    before = read_names()
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_vl"}', encoding="utf-8")
    with pytest.raises(OSError, match=r"image processor|preprocessor"):
        load_processor(tmp_path)
    assert read_names() == before


def test_a_process_that_forks_during_loading_has_the_names_of_before(write_files, monkeypatch):
    folder = write_files("qwen2_vl")
    before, during = read_names(), []
    entered, leave = threading.Event(), threading.Event()

    def wait(*_, **__):
        during.append(read_names())
        entered.set()
        leave.wait(10)
        return SimpleNamespace(image_processor=None, tokenizer=None)

    monkeypatch.setattr("vlmeter.models.processors.AutoProcessor.from_pretrained", wait)
    loading = threading.Thread(target=load_processor, args=(folder,))
    loading.start()
    entered.wait(10)
    threading.Timer(0.2, leave.set).start()
    child = os.fork()
    if child == 0:
        os._exit(0 if read_names() == before else 1)
    assert os.waitpid(child, 0)[1] == 0
    loading.join()
    assert during != [before]
