"""Runs along several axes: equal to a session along z, lost objects, canceled runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.axis_fusion.fusion_run import AxisStores, FusionRun
from napari_sam2.session.factory import create_session
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.volume_series.axis_run import SeriesParts
from napari_sam2.tracking.axis_fusion.plan import FusionPlan
from napari_sam2.tracking.resume_state import NullJournal
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import moving_balls

SHAPE = (9, 30, 50)
BALLS = moving_balls((1, *SHAPE), [(4, 14, 12), (4, 16, 36)], [(0, 0, 0)] * 2, 7, 3.5)
CLICKS = (PointPrompt(1, 4, (14, 12)), PointPrompt(2, 5, (16, 36)))
INTENSITY = Intensity(((0.0, 255.0),))
THREE = FusionPlan(("z", "y", "x"), 1, 2)


class Fused:
    """A run on balls, its labels and its masks along each axis."""

    def __init__(self, plan: FusionPlan, image: NDArray[Any] = BALLS.image[0]) -> None:
        stack = open_stack(image, axes="ZYX", along="z")
        self.label_array = LabelArray.create(None, stack)
        masks, drafts, settings = MemoryMaskStore(), MemoryMaskStore(), SessionSettings()
        parts = SeriesParts(
            stack, FakePredictor(), INTENSITY, settings, masks, drafts, self.label_array
        )
        self.stores = {a: AxisStores(MemoryMaskStore(), MemoryMaskStore()) for a in plan.axes}
        prompts = PromptStore(CLICKS, "z")
        self.run = FusionRun(parts, plan, prompts, self.stores, NullJournal())

    @property
    def labels(self) -> NDArray[Any]:
        return np.asarray(self.label_array.array[...])


def session_labels(image: NDArray[Any]) -> NDArray[Any]:
    """Return the labels of a session along z."""
    stack = open_stack(image, axes="ZYX", along="z")
    labels, prompts = LabelArray.create(None, stack), PromptStore(CLICKS, "z")
    session = create_session(
        stack, FakePredictor(), intensity=INTENSITY, prompts=prompts, labels=labels
    )
    for _ in session.propagate():
        pass
    return np.asarray(labels.array[...])


def test_one_axis_without_planes_is_a_session_along_z() -> None:
    image = np.clip(BALLS.image[0] + np.random.default_rng(0).normal(0, 30, SHAPE), 0, 255)
    fused = Fused(FusionPlan(), image.astype(np.uint8))
    assert len(list(fused.run.run(lambda: False))) > SHAPE[0]
    np.testing.assert_array_equal(fused.labels, session_labels(image.astype(np.uint8)))


def test_all_axes_have_masks_of_all_objects() -> None:
    fused = Fused(THREE)
    progress = list(fused.run.run(lambda: False))
    assert [item.done for item in progress] == sorted(item.done for item in progress)
    assert progress[-1].done == progress[-1].total
    for axis, length in zip("zyx", SHAPE, strict=True):
        masks = fused.stores[axis].masks
        assert masks.objects() == (1, 2)
        assert {info.index for info in masks.infos()} == {(n,) for n in range(length)}
    truth = BALLS.labels[0]
    assert np.mean(fused.labels[truth > 0] == truth[truth > 0]) > 0.95


def test_objects_that_are_not_found_along_z_are_not_followed_along_others() -> None:
    fused = Fused(THREE, np.full(SHAPE, 20, np.uint8))
    assert list(fused.run.run(lambda: False))
    assert not fused.labels.any()
    assert fused.stores["y"].masks.objects() == ()


@pytest.mark.parametrize("after", [1, 20, 60])
def test_a_canceled_run_ends_after_the_plane(after: int) -> None:
    fused, seen = Fused(THREE), list[int]()
    for progress in fused.run.run(lambda: len(seen) >= after):
        seen.append(progress.done)
    assert len(seen) == after
    assert not fused.labels.any()
