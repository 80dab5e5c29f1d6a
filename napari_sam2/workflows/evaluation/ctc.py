"""Scores of the Cell Tracking Challenge, computed with py-ctcmetrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError

Plane = NDArray[np.integer]
_MEASURES = ("Valid", "DET", "SEG", "TRA", "MOTA")


@dataclass(frozen=True, slots=True)
class TrackScores:
    """Segmentation and tracking scores of the Cell Tracking Challenge.

    Parameters
    ----------
    seg, tra, det : float
        SEG, TRA and DET in 0..1 (Ulman et al. 2017).
    switches : int
        Number of identity switches.
    """

    seg: float
    tra: float
    det: float
    switches: int


def track_scores(truth: Iterable[Plane], predicted: Iterable[Plane]) -> TrackScores:
    """Return the scores of label planes whose values are object ids.

    Parameters
    ----------
    truth, predicted : iterable of ndarray
        Labels (H, W), one plane per frame; both have the same number of planes.

    Raises
    ------
    UserError
        If py-ctcmetrics is not installed, or either has no object.
    """
    try:
        from ctc_metrics.scripts.evaluate import (
            calculate_metrics,
            match_computed_to_reference_masks,
        )
    except ImportError as error:
        raise UserError(
            "SEG and TRA need py-ctcmetrics. Run: pip install 'napari-sam2[evaluation]'"
        ) from error
    with TemporaryDirectory() as folder:
        true_files, true_tracks = _write(truth, Path(folder), "true")
        files, tracks = _write(predicted, Path(folder), "predicted")
        if len(true_tracks) == 0 or len(tracks) == 0:
            raise UserError(
                "SEG and TRA need at least one object in the ground truth and in the prediction."
            )
        matches = match_computed_to_reference_masks(true_files, files, threads=1)
    found = calculate_metrics(tracks, true_tracks, matches, matches, list(_MEASURES), True)
    return TrackScores(found["SEG"], found["TRA"], found["DET"], int(found["IDSW"]))


def split_at_gaps(planes: Iterable[Plane]) -> Iterator[tuple[Plane, dict[int, tuple[int, int]]]]:
    """Renumber tracks so that none has a gap, which the CTC format does not allow.

    Yields
    ------
    plane : ndarray of uint16
        Track numbers (H, W) of a frame.
    new : dict
        Track numbers that start on this frame, with the original label and the parent track (0
        for none).
    """
    current: dict[int, tuple[int, int]] = {}
    count = 0
    for frame, plane in enumerate(planes):
        new: dict[int, tuple[int, int]] = {}
        renumbered = np.zeros(plane.shape, np.uint16)
        for label in np.unique(plane[plane != 0]).tolist():
            number, last = current.get(label, (0, -2))
            if last != frame - 1:
                count += 1
                new[count] = (label, number)
                number = count
            current[label] = (number, frame)
            renumbered[plane == label] = number
        yield renumbered, new


def _write(planes: Iterable[Plane], folder: Path, name: str) -> tuple[list[str], NDArray[np.int64]]:
    """Write one TIFF per frame; return their paths and rows of (track, first, last, parent)."""
    import tifffile

    files: list[str] = []
    rows: dict[int, list[int]] = {}
    for frame, (plane, new) in enumerate(split_at_gaps(planes)):
        rows |= {number: [number, frame, frame, parent] for number, (_, parent) in new.items()}
        for number in np.unique(plane[plane != 0]).tolist():
            rows[number][2] = frame
        path = folder / f"{name}{frame:05d}.tif"
        tifffile.imwrite(path, plane)
        files.append(str(path))
    return files, np.array(list(rows.values()), np.int64).reshape(-1, 4)
