"""Text models: a tiny Grounding DINO from a folder, and what is refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.inference.text_detector import Detection, ZeroShotDetector, load_text_detector
from tests.helpers.text_models import save_text_model

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


class Recording:
    """A processor that records the texts that it is given."""

    def __init__(self, processor: Any) -> None:
        self.texts: list[str] = []
        self._processor = processor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def __call__(self, **options: Any) -> Any:
        self.texts.append(options["text"])
        return self._processor(**options)


@pytest.fixture
def parts(text_model: Path) -> tuple[Recording, Any]:
    """The processor and the network of the tiny model."""
    transformers = pytest.importorskip("transformers")
    processor = transformers.AutoProcessor.from_pretrained(text_model, backend="pil")
    network = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(text_model)
    return Recording(processor), network


@pytest.fixture
def copy(text_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return Path(shutil.copytree(text_model, tmp_path / "copy"))


def test_boxes_of_a_saved_model_lie_about_the_image(text_model: Path) -> None:
    detector = load_text_detector(str(text_model))
    found = detector.detect(IMAGE, " A Cell. ", 0.0)
    assert found
    for one in found:
        assert 0 <= one.score <= 1
        y0, x0, y1, x1 = one.box
        assert -40 <= y0 < y1 <= 80
        assert -60 <= x0 < x1 <= 120
    assert detector.detect(IMAGE, "a cell", 0.0) == found
    assert detector.detect(IMAGE, "a cell", 1.0) == ()
    assert detector.detect(IMAGE, "red car", 0.0) != found


def test_a_model_of_the_kind_of_llmdet_finds_boxes(text_model: Path, tmp_path: Path) -> None:
    folder = save_text_model(tmp_path / "llmdet", "MMGroundingDino")
    assert json.loads((folder / "config.json").read_text())["model_type"] == "mm-grounding-dino"
    found = load_text_detector(str(folder)).detect(IMAGE, "Red car", 0.0)
    assert all(0 <= one.score <= 1 for one in found)
    assert found


def test_the_model_is_loaded_once(text_model: Path) -> None:
    assert load_text_detector(str(text_model)) is load_text_detector(str(text_model))


@pytest.mark.parametrize("phrase", ["Red Car", "red car", " red car. ", "RED CAR."])
def test_a_phrase_is_given_in_lower_case_with_a_dot(
    parts: tuple[Recording, Any], phrase: str
) -> None:
    ZeroShotDetector(*parts).detect(IMAGE, phrase, 0.5)
    assert parts[0].texts == ["red car."]


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("машина", "does not know all words"),
        ("car 汽車", "does not know all words"),
        ("a very long phrase " * 3, "too long"),
    ],
)
def test_words_that_the_model_cannot_read_are_refused(
    text_model: Path, phrase: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        load_text_detector(str(text_model)).detect(IMAGE, phrase, 0.0)


@pytest.mark.parametrize("part", ["decoder.bbox_embed", "input_proj_vision"])
def test_weights_that_are_not_numbers_are_an_error_and_not_an_empty_result(
    parts: tuple[Recording, Any], part: str
) -> None:
    processor, network = parts
    for name, tensor in network.named_parameters():
        if part in name:
            tensor.data.fill_(np.nan)
    with pytest.raises(UserError, match="weights are damaged"):
        ZeroShotDetector(processor, network).detect(IMAGE, "car", 0.0)


@pytest.mark.parametrize("box", [(0.0, np.nan, 1.0, 1.0), (0.0, 0.0, np.inf, 1.0)])
def test_a_box_is_finite(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(UserError, match="not numbers"):
        Detection(box, 0.5)
    with pytest.raises(UserError, match="not numbers"):
        Detection((0, 0, 1, 1), float("nan"))


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(UserError, match=r"no text model dino.*llmdet-tiny"):
        load_text_detector("dino")


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("config.json", "it has no config.json"),
        ("model.safetensors", "it has no *.safetensors"),
        ("preprocessor_config.json", "cannot be loaded"),
        ("*token* vocab.txt", "it has no tokenizer.json"),
    ],
)
def test_a_folder_without_a_file_is_refused(copy: Path, missing: str, words: str) -> None:
    for pattern in missing.split():
        for path in copy.glob(pattern):
            path.unlink()
    with pytest.raises(UserError) as caught:
        load_text_detector(str(copy))
    assert words in str(caught.value)
    assert "models list" in str(caught.value)


def test_a_folder_of_sam2_weights_is_refused(copy: Path) -> None:
    (copy / "config.json").unlink()
    (copy / "sam2.1_hiera_tiny.pt").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"holds no text model: it has no config.json"):
        load_text_detector(str(copy))


@pytest.mark.parametrize("kind", ["sam2_video", "clip", "owlv2"])
def test_a_model_of_another_kind_is_refused(copy: Path, kind: str) -> None:
    (copy / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(UserError, match=f'of the kind "{kind}", not a Grounding DINO'):
        load_text_detector(str(copy))


def test_weights_of_another_model_are_refused(copy: Path) -> None:
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1},
        vision_config={**small, "image_size": 32, "patch_size": 16},
    )
    transformers.CLIPModel(config).save_pretrained(copy / "clip")
    shutil.copy(copy / "clip" / "model.safetensors", copy)
    with pytest.raises(UserError, match="not those of its model"):
        load_text_detector(str(copy))


def test_weights_of_another_size_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "d_model": 64}))
    with pytest.raises(UserError, match="not those of its model"):
        load_text_detector(str(copy))


@pytest.mark.parametrize("content", [b"", b"<html>", b"version https://git-lfs", b"\x80\x02}"])
def test_damaged_weights_are_refused(copy: Path, content: bytes) -> None:
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be loaded: .*\. Give the folder"):
        load_text_detector(str(copy))


def test_code_in_a_folder_is_not_run(copy: Path, tmp_path: Path) -> None:
    config = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "mine.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_text_detector(str(copy))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", ["llmdet-tiny", "."])
def test_a_missing_extra_has_its_command(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'napari-sam2\[text\]'"):
        load_text_detector(model)


def test_boxes_are_those_of_the_network_in_pixels_of_the_image(
    parts: tuple[Recording, Any],
) -> None:
    processor, network = parts
    inputs = processor(images=IMAGE, text="car.", return_tensors="pt")
    outputs = network.eval()(**inputs)
    scores = outputs.logits.sigmoid().amax(-1)[0].tolist()
    centers_and_sizes = outputs.pred_boxes[0].tolist()
    height, width = IMAGE.shape[:2]
    expected = [
        np.multiply((y - h / 2, x - w / 2, y + h / 2, x + w / 2), (height, width, height, width))
        for score, (x, y, w, h) in zip(scores, centers_and_sizes, strict=True)
        if score > 0.6
    ]
    found = ZeroShotDetector(processor, network).detect(IMAGE, "car", 0.6)
    np.testing.assert_allclose([one.box for one in found], expected, atol=1e-3)
    np.testing.assert_allclose([one.score for one in found], [s for s in scores if s > 0.6], 1e-5)
