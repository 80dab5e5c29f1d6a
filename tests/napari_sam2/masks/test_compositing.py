"""Labels from masks: priority, ties, and independence of order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.geometry import Window
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin, MaskStatus
from napari_sam2.masks.store import MaskRecord
from tests.helpers.mask_strategies import PLANE, records, windows

WHOLE = Window.of(PLANE)
distinct = st.lists(records(), max_size=5, unique_by=lambda record: record.object_id)


def by_definition(masks):
    """The rule, pixel by pixel."""
    labels = np.zeros(PLANE, np.uint32)
    for y, x in np.ndindex(*PLANE):
        claims = []
        for record in masks:
            row, column = y - record.window.y0, x - record.window.x0
            if 0 <= row < record.window.shape[0] and 0 <= column < record.window.shape[1]:
                step = int(record.steps[row, column])
                tier = max(record.status, MaskStatus.FINAL)
                if record.lost is not None and record.lost[row, column]:
                    tier = MaskStatus.DRAFT
                if step > 0 and record.excluded is None:
                    claims.append((-tier, -step, record.object_id))
        if claims:
            labels[y, x] = min(claims)[2]
    return labels


@given(distinct)
def test_labels_follow_the_rule(masks):
    np.testing.assert_array_equal(compose_labels(masks, WHOLE), by_definition(masks))


@given(distinct, st.randoms())
def test_order_does_not_matter(masks, random):
    shuffled = random.sample(masks, len(masks))
    np.testing.assert_array_equal(compose_labels(masks, WHOLE), compose_labels(shuffled, WHOLE))


@given(distinct, windows())
def test_a_crop_is_a_crop_of_the_whole(masks, window):
    np.testing.assert_array_equal(
        compose_labels(masks, window), compose_labels(masks, WHOLE)[window.slices]
    )


def record(object_id, logit, status=MaskStatus.FINAL):
    logits = np.full((4, 4), logit, np.float32)
    window = Window(0, 0, 4, 4)
    crop = MaskCrop(window, logits)
    result = FrameResult(object_id, 0, (0,), crop, 1, 1, MaskOrigin.FORWARD)
    return MaskRecord.from_result(result, status)


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (record(1, 2), record(2, 3), 2),
        (record(1, 3), record(2, 3), 1),
        (record(1, 9), record(2, 1, MaskStatus.ACCEPTED), 2),
        (record(1, 9, MaskStatus.ACCEPTED), record(2, 1, MaskStatus.LOCKED), 2),
        (record(1, 3, MaskStatus.DRAFT), record(2, 2), 1),
        (record(1, -3, MaskStatus.LOCKED), record(2, 1e-6), 2),
    ],
)
def test_priorities(first, second, winner):
    assert set(compose_labels([first, second], Window.of((4, 4))).flat) == {winner}


def test_lost_pixels_return_when_the_other_mask_is_gone():
    lost = np.zeros((4, 4), bool)
    lost[:2] = True
    first = MaskRecord.from_result(replace(record(1, 9).result(0), lost=lost))
    second = record(2, 1)
    labels = compose_labels([first, second], Window.of((4, 4)))
    np.testing.assert_array_equal(labels, np.where(lost, 2, 1))
    assert first.area == np.count_nonzero(labels == 1)
    np.testing.assert_array_equal(compose_labels([first], Window.of((4, 4))), 1)


def test_excluded_masks_are_not_drawn():
    excluded = MaskRecord.from_result(replace(record(1, 9).result(0), excluded=MaskOrigin.FORWARD))
    assert excluded.area == 0
    assert not compose_labels([excluded], Window.of((4, 4))).any()
    assert excluded.crop.area == 16
    assert excluded.own_crop.area == 0


def test_large_ids():
    large = replace(record(1, 2), object_id=2**32 - 1)
    assert compose_labels([large], Window.of((4, 4))).max() == 2**32 - 1
