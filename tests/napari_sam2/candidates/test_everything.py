"""Everything on a plane is found, on small and large planes, with the size measured or given."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_sam2.candidates.candidate import CandidateLimits
from napari_sam2.candidates.everything import EverythingSearch
from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from tests.helpers.fakes import FakePredictor


def disks(shape: tuple[int, int], radius: int, pitch: int) -> np.ndarray:
    """Return labels of equal disks on a grid."""
    labels = np.zeros(shape, np.uint16)
    centers = [
        (y, x)
        for y in range(pitch // 2, shape[0], pitch)
        for x in range(pitch // 2, shape[1], pitch)
    ]
    for number, center in enumerate(centers, 1):
        labels[disk(center, radius, shape=shape)] = number
    return labels


def search(labels: np.ndarray, predictor: FakePredictor, **options) -> EverythingSearch:
    stack = open_stack(np.where(labels > 0, 200, 20).astype(np.uint8), axes="YX")
    encoder = ViewEncoder(stack, Intensity(((0.0, 255.0),)), predictor, FeatureCache(0))
    info = predictor.info
    placement = ViewPlacement(
        stack.shape, encoder.levels, info.image_size, info.token_stride, ViewPolicy()
    )
    return EverythingSearch(encoder, placement, **options)


def matched(found, labels: np.ndarray) -> int:
    """Return the number of true objects that a candidate covers with an IoU above 0.7."""
    count = 0
    for number in range(1, int(labels.max()) + 1):
        true = labels == number
        for candidate in found:
            mask = np.zeros(labels.shape, bool)
            mask[candidate.crop.window.slices] = candidate.crop.logits > 0
            if (mask & true).sum() > 0.7 * (mask | true).sum():
                count += 1
                break
    return count


def test_every_object_of_a_small_plane_is_found_in_one_view() -> None:
    labels, predictor = disks((96, 128), 10, 32), FakePredictor()
    views: list[tuple[int, int]] = []
    found = search(labels, predictor).find((), lambda done, total: views.append((done, total)))
    assert matched(found, labels) == len(found) == 12
    assert views == [(1, 1)]
    assert predictor.calls["encode"] == 1


@pytest.mark.slow
def test_small_objects_of_a_large_plane_are_found_in_tiles() -> None:
    labels, predictor = disks((512, 640), 9, 64), FakePredictor()
    views: list[tuple[int, int]] = []
    found = search(labels, predictor, diameter=18).find(
        (), lambda done, total: views.append((done, total))
    )
    assert matched(found, labels) == len(found) == 80
    assert views[-1][0] == views[-1][1] == predictor.calls["encode"] > 4


def test_limits_hold_and_an_empty_plane_has_no_candidates() -> None:
    labels = disks((96, 128), 9, 32)
    limits = CandidateLimits(max_objects=5)
    assert len(search(labels, FakePredictor(), limits=limits).find(())) == 5
    assert search(np.zeros((96, 128), np.uint16), FakePredictor()).find(()) == []


def test_a_diameter_must_be_positive() -> None:
    with pytest.raises(UserError, match="positive"):
        search(disks((96, 128), 9, 32), FakePredictor(), diameter=0)


def test_a_plane_without_structure_is_not_encoded() -> None:
    predictor = FakePredictor()
    assert search(np.zeros((96, 128), np.uint16), predictor).find(()) == []
    assert not predictor.calls
