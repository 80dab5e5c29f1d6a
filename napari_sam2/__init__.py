"""Segment and track objects through time or depth with SAM 2, in napari and without it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession as SegmentationSession
    from napari_sam2.workflows.segment import SegmentationResult as SegmentationResult
    from napari_sam2.workflows.segment import open_session as open_session
    from napari_sam2.workflows.segment import segment as segment

__version__ = "0.1.0"

_HOMES = {
    "SegmentationResult": "workflows.segment",
    "SegmentationSession": "session.session",
    "open_session": "workflows.segment",
    "segment": "workflows.segment",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that importing the package is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
