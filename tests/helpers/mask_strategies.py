"""Hypothesis strategies for masks."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin, MaskStatus
from napari_sam2.masks.store import MaskRecord

PLANE = (12, 15)


@st.composite
def windows(draw, plane=PLANE):
    y0, y1 = sorted(draw(st.tuples(*[st.integers(0, plane[0])] * 2)))
    x0, x1 = sorted(draw(st.tuples(*[st.integers(0, plane[1])] * 2)))
    return Window(y0, x0, y1, x1)


@st.composite
def records(draw):
    window = draw(windows())
    frame = draw(st.integers(0, 3))
    steps = draw(arrays(np.int8, window.shape, elements=st.integers(-127, 127)))
    positive = steps > 0
    lost = positive & draw(arrays(np.bool_, window.shape))
    result = FrameResult(
        object_id=draw(st.integers(1, 5)),
        frame=frame,
        index=(frame, 2),
        crop=MaskCrop(window, steps.astype(np.float32) / 8),
        predicted_iou=draw(st.floats(0, 1)),
        object_score=draw(st.floats(-20, 20)),
        origin=draw(st.sampled_from(MaskOrigin)),
        view=draw(st.sampled_from([None, Window(0, 0, 8, 8)])),
        refined=draw(st.booleans()),
        lost=lost if lost.any() else None,
        excluded=draw(st.sampled_from([None, None, MaskOrigin.FORWARD])),
    )
    return MaskRecord.from_result(result, draw(st.sampled_from(MaskStatus)))
