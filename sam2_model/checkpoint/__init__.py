"""Checkpoints: names, downloads, safe reading, identification and loading."""

from sam2_model.checkpoint.files import save_model
from sam2_model.checkpoint.load import (
    ModelEntry,
    auto_model_name,
    available_models,
    load_model,
    weights_hash,
)

__all__ = [
    "ModelEntry",
    "auto_model_name",
    "available_models",
    "load_model",
    "save_model",
    "weights_hash",
]
