"""Text models: a tiny Grounding DINO from a folder, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.inference.text_detector import load_text_detector

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", "a", "cell"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a random network of a few thousand weights with its tokenizer."""
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("dino")
    (path / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizerFast(str(path / "vocab.txt"))
    images = transformers.GroundingDinoImageProcessorPil(size={"height": 128, "width": 128})
    transformers.GroundingDinoProcessor(images, tokenizer).save_pretrained(path)
    text = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    backbone = transformers.SwinConfig(
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=2,
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=7,
        max_text_len=16,
    )
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(path)
    return path


def test_boxes_of_a_saved_model_lie_about_the_image(folder: Path) -> None:
    detector = load_text_detector(str(folder))
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    found = detector.detect(image, " A Cell. ", 0.0)
    assert 0 < len(found) <= 7
    for one in found:
        assert 0 <= one.score <= 1
        y0, x0, y1, x1 = one.box
        assert -40 <= y0 < y1 <= 80
        assert -60 <= x0 < x1 <= 120
    assert detector.detect(image, "a cell", 0.0) == found
    assert detector.detect(image, "a cell", 1.0) == ()


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(UserError, match=r"no text model dino.*llmdet-tiny"):
        load_text_detector("dino")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_text_detector(str(tmp_path))


def test_a_missing_extra_has_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'napari-sam2\[text\]'"):
        load_text_detector(str(tmp_path))
