from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_sam2.analysis.duplicates import Duplicate, find_duplicates
from napari_sam2.analysis.exclusions import (
    ExcludedObject,
    exclusion_messages,
    find_exclusions,
    overlap_messages,
)
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore

STACK = open_stack(np.zeros((3, 40, 40), np.uint8), axes="TYX")


def square(object_id, frame, x, excluded=None, lost=None):
    mask = MaskRecord.from_mask(object_id, (frame,), np.ones((8, 8)), (5, x), MaskStatus.FINAL)
    result = replace(mask.result(frame), excluded=excluded, lost=lost)
    return MaskRecord.from_result(result)


def store_of(*records):
    store = MemoryMaskStore()
    store.put(records)
    return store


def test_excluded_objects_are_found_with_the_object_that_has_their_pixels():
    forward = MaskOrigin.FORWARD
    store = store_of(
        square(1, 0, 5),
        square(2, 0, 6),
        square(3, 1, 6),
        *(square(4, 1, 14), square(4, 2, 14)),
        *(square(2, 1, 7, excluded=forward), square(2, 2, 7, excluded=forward)),
        square(5, 2, 30, excluded=forward),
    )
    assert find_exclusions(store, STACK) == (
        ExcludedObject(2, (1, 2), 3),
        ExcludedObject(5, (2,), None),
    )
    one_frame = open_stack(np.zeros((1, 40, 40), np.uint8), axes="TYX")
    assert find_exclusions(store, one_frame) == ()
    assert overlap_messages(store, STACK) == (
        "Object 2 has no mask on 2 frames, first on frame 1: object 3 has most of its pixels "
        "there. If they are not its own, correct or end object 3, or propagate both together.",
        "Object 5 has no mask on frame 2: other objects have most of its pixels there.",
    )


def test_excluded_masks_are_no_duplicates_but_covered_ones_are():
    covered = np.ones((8, 8), bool)
    store = store_of(
        square(1, 0, 5),
        square(2, 0, 5, lost=covered),
        square(1, 1, 5),
        square(2, 1, 5, excluded=MaskOrigin.FORWARD),
    )
    assert find_duplicates(store, STACK) == (Duplicate(1, 2, 1),)


def test_messages_name_the_first_objects_and_count_the_others():
    texts = exclusion_messages([ExcludedObject(i, (i,), None) for i in range(1, 9)])
    assert len(texts) == 6
    assert texts[-1] == "Neighbors excluded 3 more objects."
    assert exclusion_messages([]) == ()
