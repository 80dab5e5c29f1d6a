"""Checkpoints: names, downloads, safe reading, identification and loading."""

from sam2_model.checkpoint.contents import Checkpoint
from sam2_model.checkpoint.files import save_model
from sam2_model.checkpoint.load import (
    ModelEntry,
    auto_model_name,
    available_models,
    load_checkpoint,
    load_model,
    open_checkpoint,
    weights_hash,
)

__all__ = [
    "Checkpoint",
    "ModelEntry",
    "auto_model_name",
    "available_models",
    "load_checkpoint",
    "load_model",
    "open_checkpoint",
    "save_model",
    "weights_hash",
]
