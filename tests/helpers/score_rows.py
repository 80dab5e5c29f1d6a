"""Score rows of one object, made from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.masks.scores import ScoreRow


def score_row(frame: int, area: int = 100, iou: float = 0.9, **changes: Any) -> ScoreRow:
    """Return the row of a tracked mask; an area of 0 means that the object is absent."""
    given = {"object_id": 1, "object_score": 8.0 if area else -8.0, "view": "full"}
    given |= {"origin": MaskOrigin.FORWARD, "status": MaskStatus.FINAL, "index": (frame,)}
    return ScoreRow(frame=frame, area=area, predicted_iou=iou, **(given | changes))


def track_rows(areas: Sequence[int], **changes: Any) -> list[ScoreRow]:
    """Return one row for each area, from frame 0 on."""
    return [score_row(frame, area, **changes) for frame, area in enumerate(areas)]
