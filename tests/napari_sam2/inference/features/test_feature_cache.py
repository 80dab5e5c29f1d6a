"""Nothing is encoded twice: in memory, and from one session to the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sam2.images.intensity import Intensity
from napari_sam2.inference.features import folder
from napari_sam2.inference.sam2_predictor import SAM2Predictor
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.settings import SessionSettings
from sam2_model.modeling.config import MICRO
from sam2_model.modeling.sam2 import SAM2
from sam2_model.precision import Precision
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, session_of, straight

FRAMES = 20
DATA = movie((48, 80), [straight((20, 20), (0.5, 2), FRAMES)])
CLICK = [PointPrompt(1, 0, (20.0, 20.0))]
ON_DISK = SessionSettings(cache_bytes=0, disk_cache_bytes=2**26)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "user_cache_path", lambda *_, **__: tmp_path / "cache")


def test_propagating_again_encodes_nothing() -> None:
    predictor = FakePredictor()
    session = session_of(DATA, CLICK, predictor=predictor)
    first = list(session.propagate())
    encoded = predictor.calls["encode"]
    assert encoded >= FRAMES
    again = list(session.propagate())
    assert predictor.calls["encode"] == encoded
    assert [result.area for result in again] == [result.area for result in first]


def test_another_session_encodes_nothing_and_gives_the_same_masks() -> None:
    first = FakePredictor()
    before = list(session_of(DATA, CLICK, predictor=first, settings=ON_DISK).propagate())
    second = FakePredictor()
    session = session_of(DATA, CLICK, predictor=second, settings=ON_DISK)
    after = list(session.propagate())
    assert second.calls["encode"] == session.encodings == 0
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.crop.logits, other.crop.logits)


def test_another_contrast_is_another_image() -> None:
    predictor = FakePredictor()
    session = session_of(DATA, CLICK, predictor=predictor, settings=ON_DISK)
    list(session.propagate())
    encoded = session.encodings
    session.intensity = Intensity(((0.0, 100.0),))
    list(session.propagate())
    assert session.encodings > encoded


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_features_of_the_network_come_back_bit_for_bit(precision: Precision) -> None:
    torch.manual_seed(3)
    network = SAM2(MICRO.resized(64)).eval().cast(precision)
    predictor = SAM2Predictor(network, "random", "seed-3", trained=False)
    image = np.repeat(DATA[0][..., None], 3, axis=2)
    encoded = predictor.encode(image)
    stored = folder.FeatureFolder(folder.default_folder(), 2**26)
    stored.put("a", predictor.serialize_embedding(encoded))
    arrays = stored.get("a")
    assert arrays is not None
    again = predictor.deserialize_embedding(arrays)
    assert again.shape == encoded.shape
    for name in ("top", "stride4", "stride8"):
        one, other = getattr(encoded.features, name), getattr(again.features, name)
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
