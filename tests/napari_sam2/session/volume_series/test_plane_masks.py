"""The masks on some planes of a series."""

from __future__ import annotations

import numpy as np

from napari_sam2.masks.mask import FrameResult, MaskCrop
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore
from napari_sam2.session.volume_series.plane_masks import PlaneMasks


def record(object_id: int, plane: tuple[int, int]) -> MaskRecord:
    crop = MaskCrop.from_mask(np.ones((3, 4), bool), (2, 5))
    return MaskRecord.from_result(FrameResult.from_user(object_id, plane[1], plane, crop))


def test_only_masks_on_the_planes_are_listed_and_deleted() -> None:
    masks = MemoryMaskStore()
    masks.put(record(o, (t, z)) for o in (1, 2) for t in (0, 1) for z in (3, 4))
    masks.put([record(5, (1, 3))])
    some = PlaneMasks(masks, [(0, 3), (0, 4)])
    assert some.objects() == (1, 2)
    assert some.indices(2) == ((0, 3), (0, 4))
    assert [(i.object_id, i.index) for i in some.infos()] == [
        (o, (0, z)) for o in (1, 2) for z in (3, 4)
    ]
    assert len(some.delete(1)) == 2
    assert masks.indices(1) == ((1, 3), (1, 4))
    assert some.get(2, (1, 4)) == masks.get(2, (1, 4))
    assert len(some.at((1, 3))) == 3
