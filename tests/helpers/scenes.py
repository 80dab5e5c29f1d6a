"""Small synthetic stacks whose truth is known, for tests of the core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.store import MaskStore, MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PointPrompt, Prompt
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.resume_state import Journal
from tests.helpers.fakes import FakePredictor

Path = NDArray[np.float64]


def straight(start: tuple[float, float], step: tuple[float, float], frames: int) -> Path:
    """Return centers (frames, 2) of a disc that moves evenly."""
    return np.array(start, float) + np.arange(frames)[:, None] * np.array(step)


def movie(
    shape: tuple[int, int], paths: list[Path], radius: float = 6, value: int = 200
) -> NDArray[np.uint8]:
    """Draw discs (T, H, W); a path may hold NaN where its disc is absent."""
    frames = len(paths[0])
    image = np.full((frames, *shape), 20, np.uint8)
    reach = int(radius) + 1
    for path in paths:
        for frame, (y, x) in enumerate(path):
            if not np.isnan(y):
                rows = slice(max(int(y) - reach, 0), int(y) + reach + 2)
                columns = slice(max(int(x) - reach, 0), int(x) + reach + 2)
                yy, xx = np.ogrid[: shape[0], : shape[1]]
                near = (yy[rows] - y) ** 2 + (xx[:, columns] - x) ** 2 <= radius**2
                image[frame, rows, columns][near] = value
    return image


def session_of(
    data: NDArray[np.uint8],
    prompts: list[Prompt] | None = None,
    *,
    along: str = "t",
    predictor: FakePredictor | None = None,
    settings: SessionSettings | None = None,
    masks: MaskStore | None = None,
    drafts: MaskStore | None = None,
    journal: Journal | None = None,
    labels: LabelArray | None = None,
    history: EditHistory | None = None,
) -> SegmentationSession:
    """Return a session on a gray array whose first axis is propagated."""
    stack: Stack = open_stack(data, axes=f"{along.upper()}YX", along=along)
    return SegmentationSession(
        stack,
        predictor or FakePredictor(),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=PromptStore(prompts or [], axis=along),
        masks=masks or MemoryMaskStore(),
        labels=labels or LabelArray.create(None, stack),
        settings=settings,
        drafts=drafts,
        journal=journal,
        history=history,
    )


def click(object_id: int, frame: int, path: Path) -> PointPrompt:
    """Return a click on the center of a disc."""
    y, x = path[frame]
    return PointPrompt(object_id, frame, (float(y), float(x)))


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return intersection over union, 1 where both are empty."""
    union = np.count_nonzero(first | second)
    return 1.0 if union == 0 else np.count_nonzero(first & second) / union
