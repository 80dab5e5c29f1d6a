"""Segment Anything Model 2 and 2.1: network, predictors, checkpoints and training."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sam2_model.automatic_mask_generator import AutomaticMaskGenerator
    from sam2_model.checkpoint import available_models, load_model, save_model
    from sam2_model.errors import SAM2Error
    from sam2_model.image_predictor import ImagePredictor
    from sam2_model.memory_bank import TrackState
    from sam2_model.memory_policies.distractor_aware import DistractorAwareMemory
    from sam2_model.memory_policies.memory_tree import MemoryTree
    from sam2_model.memory_policies.plain import PlainMemory
    from sam2_model.modeling.config import MODEL_CONFIGS, SAM2Config
    from sam2_model.modeling.sam2 import SAM2
    from sam2_model.precision import Precision
    from sam2_model.tracker import Tracker, TrackerSettings
    from sam2_model.video_predictor import VideoPredictor

__all__ = [
    "MODEL_CONFIGS",
    "SAM2",
    "AutomaticMaskGenerator",
    "DistractorAwareMemory",
    "ImagePredictor",
    "MemoryTree",
    "PlainMemory",
    "Precision",
    "SAM2Config",
    "SAM2Error",
    "TrackState",
    "Tracker",
    "TrackerSettings",
    "VideoPredictor",
    "available_models",
    "load_model",
    "save_model",
]

_MODULES = {
    "MODEL_CONFIGS": "modeling.config",
    "SAM2": "modeling.sam2",
    "AutomaticMaskGenerator": "automatic_mask_generator",
    "DistractorAwareMemory": "memory_policies.distractor_aware",
    "ImagePredictor": "image_predictor",
    "MemoryTree": "memory_policies.memory_tree",
    "PlainMemory": "memory_policies.plain",
    "Precision": "precision",
    "SAM2Config": "modeling.config",
    "SAM2Error": "errors",
    "TrackState": "memory_bank",
    "Tracker": "tracker",
    "TrackerSettings": "tracker",
    "VideoPredictor": "video_predictor",
    "available_models": "checkpoint",
    "load_model": "checkpoint",
    "save_model": "checkpoint",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562), so that importing the package loads no torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
