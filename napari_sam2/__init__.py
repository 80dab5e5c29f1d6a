"""Segment and track objects through time or depth with SAM 2, in napari and in scripts.

The public names are imported when they are first used, so that importing the package is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.candidates.candidate import CandidateLimits
    from napari_sam2.candidates.target import SearchTarget
    from napari_sam2.core.errors import StackReadError, UserError
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack, open_stack
    from napari_sam2.images.view import ViewPolicy
    from napari_sam2.inference.protocol import MemoryPolicy
    from napari_sam2.inference.sam2_predictor import load_predictor
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
    from napari_sam2.session.factory import open_session
    from napari_sam2.session.saved_sessions import OpenedSession, open_session_folder
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.session_group import SessionGroup
    from napari_sam2.session.settings import SessionSettings
    from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
    from napari_sam2.workflows.evaluation.evaluate import evaluate
    from napari_sam2.workflows.segment import SegmentationResult, segment

__version__ = "0.1.0"

__all__ = [
    "BoxPrompt",
    "CandidateLimits",
    "FrameResult",
    "Intensity",
    "LabelArray",
    "MaskPrompt",
    "MemoryPolicy",
    "OpenedSession",
    "PointPrompt",
    "PromptStore",
    "PropagationDirection",
    "PropagationRequest",
    "SearchTarget",
    "SegmentationResult",
    "SegmentationSession",
    "SessionGroup",
    "SessionSettings",
    "Stack",
    "StackReadError",
    "UserError",
    "ViewPolicy",
    "__version__",
    "evaluate",
    "load_predictor",
    "open_session",
    "open_session_folder",
    "open_stack",
    "segment",
]

_MODULES = {
    "BoxPrompt": "prompts.types",
    "CandidateLimits": "candidates.candidate",
    "FrameResult": "masks.mask",
    "Intensity": "images.intensity",
    "LabelArray": "masks.label_array",
    "MaskPrompt": "prompts.types",
    "MemoryPolicy": "inference.protocol",
    "OpenedSession": "session.saved_sessions",
    "PointPrompt": "prompts.types",
    "PromptStore": "prompts.store",
    "PropagationDirection": "tracking.plan",
    "PropagationRequest": "tracking.plan",
    "SearchTarget": "candidates.target",
    "SegmentationResult": "workflows.segment",
    "SegmentationSession": "session.session",
    "SessionGroup": "session.session_group",
    "SessionSettings": "session.settings",
    "Stack": "images.stack",
    "StackReadError": "core.errors",
    "UserError": "core.errors",
    "ViewPolicy": "images.view",
    "evaluate": "workflows.evaluation.evaluate",
    "load_predictor": "inference.sam2_predictor",
    "open_session": "session.factory",
    "open_session_folder": "session.saved_sessions",
    "open_stack": "images.stack",
    "segment": "workflows.segment",
}


def __getattr__(name: str) -> Any:
    """Return a public name, importing its module on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
