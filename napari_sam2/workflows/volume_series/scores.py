"""Scores of a series of volumes: one row per object and plane."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.masks.scores import ScoreRow
from napari_sam2.session.volume_series.series_scores import write_plane_scores

if TYPE_CHECKING:
    from napari_sam2.masks.store import MaskStore


def write_series_scores(path: Path, masks: MaskStore, ids: Iterable[int]) -> None:
    """Write the scores of all planes that were computed; see :func:`write_plane_scores`.

    Parameters
    ----------
    path : Path
        The CSV file; replaced if it exists.
    masks : MaskStore
        The masks, on planes (t, z).
    ids : iterable of int
        The objects.
    """
    infos = (info for object_id in ids for info in masks.infos(object_id))
    write_plane_scores(path, (ScoreRow.from_info(0, info) for info in infos))
