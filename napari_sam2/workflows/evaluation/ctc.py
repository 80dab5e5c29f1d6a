"""Cell Tracking Challenge measures, by py-ctcmetrics."""

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
    """How well cells were segmented and linked.

    Parameters
    ----------
    seg, tra, det : float
        SEG, TRA and DET of the Cell Tracking Challenge (Ulman et al. 2017).
    switches : int
        Times that a true cell's label changed.
    """

    seg: float
    tra: float
    det: float
    switches: int


def track_scores(truth: Iterable[Plane], predicted: Iterable[Plane]) -> TrackScores:
    """Score label planes whose values are identities.

    Parameters
    ----------
    truth, predicted : iterable of ndarray
        (H, W) integer labels, one plane a frame, equally many.

    Raises
    ------
    UserError
        If py-ctcmetrics is not installed, or there is nothing to compare.
    """
    try:
        from ctc_metrics.scripts.evaluate import (
            calculate_metrics,
            match_computed_to_reference_masks,
        )
    except ImportError as error:
        raise UserError(
            "SEG and TRA need py-ctcmetrics: pip install 'napari-sam2[evaluation]'."
        ) from error
    with TemporaryDirectory() as folder:
        true_files, true_tracks = _write(truth, Path(folder), "true")
        files, tracks = _write(predicted, Path(folder), "predicted")
        if len(true_tracks) == 0 or len(tracks) == 0:
            raise UserError("SEG and TRA need at least one true and one predicted object.")
        matches = match_computed_to_reference_masks(true_files, files, threads=1)
    found = calculate_metrics(tracks, true_tracks, matches, matches, list(_MEASURES), True)
    return TrackScores(found["SEG"], found["TRA"], found["DET"], int(found["IDSW"]))


def unbroken(planes: Iterable[Plane]) -> Iterator[tuple[Plane, dict[int, tuple[int, int]]]]:
    """Give tracks new numbers so that none has a gap, which the format does not know.

    Yields
    ------
    plane : ndarray of uint16
        With new numbers.
    new : dict
        Track numbers that begin here, with their label and their parent (0 for none).
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
    """Write one TIFF a frame; return their paths and rows of label, begin, end, parent."""
    import tifffile

    files: list[str] = []
    rows: dict[int, list[int]] = {}
    for frame, (plane, new) in enumerate(unbroken(planes)):
        rows |= {number: [number, frame, frame, parent] for number, (_, parent) in new.items()}
        for number in np.unique(plane[plane != 0]).tolist():
            rows[number][2] = frame
        path = folder / f"{name}{frame:05d}.tif"
        tifffile.imwrite(path, plane)
        files.append(str(path))
    return files, np.array(list(rows.values()), np.int64).reshape(-1, 4)
