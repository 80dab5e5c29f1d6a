"""Segment and track objects through time or depth with SAM 2, in napari and without it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.segmentation import Segmentation as Segmentation
    from napari_sam2.segmentation import open_session as open_session
    from napari_sam2.segmentation import segment as segment
    from napari_sam2.session import SegmentationSession as SegmentationSession

__version__ = "0.1.0"

_HOMES = {
    "Segmentation": "segmentation",
    "SegmentationSession": "session",
    "open_session": "segmentation",
    "segment": "segmentation",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that importing the package is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
