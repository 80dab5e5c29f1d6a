"""Fusion of masks along several axes: cross-sections, means, and who has each voxel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.inference.tuning import FUSION_LOGIT
from napari_sam2.masks.mask import MAX_LOGIT, FrameResult, MaskCrop, MaskOrigin
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore
from napari_sam2.tracking.axis_fusion import fusion
from napari_sam2.tracking.axis_fusion.axis_masks import AxisMasks, Box
from napari_sam2.tracking.axis_fusion.cross_sections import cross_sections
from napari_sam2.tracking.axis_fusion.fusion import AxisFusion

Volume = NDArray[np.float32]
SHAPE = (7, 12, 14)
AXES = "zyx"


def masks_along(
    axis: str, volumes: dict[int, Volume], factor: int = 1, prompted: Iterable[int] = ()
) -> AxisMasks:
    """Return the masks of a run that found logits (Z, Y, X), with crops as small as they can be.

    Logits have ``factor`` frames or rows per slice.
    """
    store = MemoryMaskStore()
    position = AXES.index(axis)
    for object_id, volume in volumes.items():
        for frame in range(volume.shape[position]):
            crop = cropped(np.ascontiguousarray(volume.take(frame, position)))
            origin = MaskOrigin.PROMPT if frame in prompted else MaskOrigin.FORWARD
            score = 5.0 if crop.area else -5.0
            result = FrameResult(object_id, frame, (frame,), crop, 0.8, score, origin)
            store.put([MaskRecord.from_result(result)])
    length = next(iter(volumes.values())).shape[position]
    return AxisMasks(axis, store, [(frame,) for frame in range(length)], factor)


def cropped(logits: Volume) -> MaskCrop:
    rows, columns = np.nonzero(logits > -MAX_LOGIT)
    if not len(rows):
        return MaskCrop.empty()
    low, high = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
    window = Window(*map(int, low), *map(int, high))
    return MaskCrop(window, logits[window.slices])


def ball(
    center: tuple[float, float, float],
    radius: float,
    shape: tuple[int, int, int] = SHAPE,
    step: float = 1,
) -> Volume:
    """Return logits that are positive in a ball, in steps that the stores keep exactly."""
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    z = z * step
    distance = np.sqrt((z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2)
    return np.clip(np.rint(4 * (radius - distance)), -MAX_LOGIT, MAX_LOGIT).astype(np.float32)


def fused(runs: list[AxisMasks], ids: Iterable[int], exclusion: bool = True) -> dict[int, Volume]:
    """Return the own logits (Z, Y, X) of each object after fusion."""
    found = {object_id: np.full(SHAPE, -MAX_LOGIT, np.float32) for object_id in ids}
    planes = [(z,) for z in range(SHAPE[0])]
    for z, results in enumerate(AxisFusion(runs, planes, exclusion).slices(found)):
        for result in results:
            assert (result.frame, result.index) == (z, (z,))
            crop = result.own_crop
            found[result.object_id][z][crop.window.slices] = crop.logits
    return found


def test_three_equal_runs_give_their_masks() -> None:
    volume = ball((3, 6, 7), 3)
    runs = [masks_along(axis, {1: volume}) for axis in AXES]
    np.testing.assert_array_equal(fused(runs, [1])[1] > 0, volume > 0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_the_mean_decides_and_the_slabs_do_not_matter(seed: int, slab_bytes: int) -> None:
    rng = np.random.default_rng(seed)
    volumes = [
        np.where(ball((3, 6, 7), 4) > 0, rng.choice([-8, -0.5, 0.25, 1, 4], SHAPE), -MAX_LOGIT)
        for _ in AXES
    ]
    runs = [
        masks_along(axis, {1: volume.astype(np.float32)})
        for axis, volume in zip(AXES, volumes, strict=True)
    ]
    stored = [run.logits(1, Box(range(SHAPE[0]), Window.of(SHAPE[1:]))) for run in runs]
    expected = np.mean(np.clip(stored, -FUSION_LOGIT, FUSION_LOGIT), axis=0) > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion, "SLAB_BYTES", slab_bytes)
        np.testing.assert_array_equal(fused(runs, [1])[1] > 0, expected)


def test_rows_between_slices_are_left_out() -> None:
    fine = ball((6, 6, 7), 5, (19, 12, 14), 2 / 3)
    along_z = np.ascontiguousarray(fine[::3])
    runs = [
        masks_along("z", {1: along_z}),
        masks_along("y", {1: fine}, 3),
        masks_along("x", {1: fine}, 3),
    ]
    np.testing.assert_array_equal(fused(runs, [1])[1] > 0, along_z > 0)


def test_a_single_run_keeps_its_masks_at_the_slices() -> None:
    fine = ball((6, 6, 7), 5, (19, 12, 14), 2 / 3)
    run = masks_along("z", {1: fine}, 3)
    found = fused([run], [1])[1]
    np.testing.assert_array_equal(found > 0, fine[::3] > 0)


def test_prompted_masks_stay() -> None:
    volume, other = ball((3, 6, 7), 3), ball((3, 6, 7), 1)
    runs = [
        masks_along("z", {1: volume}, prompted=[3]),
        masks_along("y", {1: other}),
        masks_along("x", {1: other}),
    ]
    found = fused(runs, [1])[1] > 0
    np.testing.assert_array_equal(found[3], volume[3] > 0)
    assert np.count_nonzero(found[2]) < np.count_nonzero(volume[2] > 0)


def test_an_object_that_one_axis_lost_is_kept_by_the_others() -> None:
    volume = 2 * ball((3, 6, 7), 3)
    runs = [masks_along(axis, {1: volume}) for axis in "zy"]
    runs.append(masks_along("x", {1: np.full(SHAPE, -MAX_LOGIT, np.float32)}))
    found = fused(runs, [1])[1] > 0
    assert found[3, 6, 7]
    assert not found[3, 6, 11]


@pytest.mark.parametrize("exclusion", [True, False])
def test_each_voxel_belongs_to_one_object(exclusion: bool) -> None:
    volumes = {1: ball((3, 6, 5), 3), 2: ball((3, 6, 8), 3)}
    runs = [masks_along(axis, volumes) for axis in AXES]
    found = fused(runs, volumes, exclusion)
    both = (found[1] > 0) & (found[2] > 0)
    assert both.any() is np.bool_(not exclusion)
    np.testing.assert_array_equal(
        (found[1] > 0) | (found[2] > 0), (volumes[1] > 0) | (volumes[2] > 0)
    )
    if exclusion:
        assert (found[1] > 0)[3, 6, 5]
        assert (found[2] > 0)[3, 6, 8]


def test_an_object_without_a_mask_has_empty_results() -> None:
    empty = np.full(SHAPE, -MAX_LOGIT, np.float32)
    runs = [masks_along(axis, {1: empty, 2: ball((3, 6, 7), 3)}) for axis in AXES]
    found = fused(runs, [1, 2])
    assert not (found[1] > 0).any()
    assert (found[2] > 0).any()


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("rows", [1, 3])
def test_cross_sections_are_those_of_the_volume(axis: str, rows: int) -> None:
    volume = ball((3, 6, 7), 3)
    prompts = cross_sections(masks_along("z", {1: volume, 2: -abs(volume)}), [1, 2], axis, rows)
    frames = [frame for object_id, frame in prompts.prompts if object_id == 1]
    assert {object_id for object_id, _ in prompts.prompts} == {1}
    assert frames[0] == (6 if axis == "y" else 7)
    assert 1 < len(frames) <= 3
    for frame in frames:
        mask = prompts.get(1, frame).mask
        assert mask is not None
        canvas = np.full(((SHAPE[0] - 1) * rows + 1, SHAPE[2 if axis == "y" else 1]), -MAX_LOGIT)
        canvas[mask.window.slices] = mask.logits
        np.testing.assert_array_equal(canvas[::rows] > 0, volume.take(frame, AXES.index(axis)) > 0)
