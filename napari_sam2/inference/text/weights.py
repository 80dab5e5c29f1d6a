"""Download of text models from the hub, as weights of SAM 2 are downloaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.inference.text.catalog import TextModel

if TYPE_CHECKING:
    from sam2_model.checkpoint.registry import HubFile, Registry

Progress = Callable[[int, int], None]
"""Called with the numbers of downloaded and of all bytes."""

_WEIGHTS = "model.safetensors"
_OTHERS = (".json", ".txt")
"""Endings of the files of the configuration and of the words."""


@cache
def text_hub() -> Registry:
    """Return the hub that text models are downloaded from, and its cache."""
    from sam2_model.checkpoint.registry import Registry

    return Registry((), alternative="or give the folder of a text model")


def is_downloaded(model: TextModel) -> bool:
    """Return whether a text model can be used without a network."""
    from sam2_model.checkpoint.download import cached_file

    return cached_file(text_hub(), _weights_of(model)) is not None


def fetch_text_model(model: TextModel, progress: Progress | None = None) -> Path:
    """Return the folder of a text model, downloading it if it is not in the cache.

    Parameters
    ----------
    model : TextModel
        Which model.
    progress : callable or None
        Called during the download; its exceptions cancel the download. None draws bars on
        standard error.

    Raises
    ------
    CheckpointError
        If there is no network or not enough disk space, or if a downloaded file differs from what
        the hub lists.
    """
    from sam2_model.checkpoint.download import fetch_with_files

    return fetch_with_files(text_hub(), _weights_of(model), _OTHERS, progress).parent


def _weights_of(model: TextModel) -> HubFile:
    from sam2_model.checkpoint.registry import HubFile

    return HubFile(model.repository, _WEIGHTS)
