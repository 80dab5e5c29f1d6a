"""DICOM series: the images of a folder, one for each series, format and orientation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_sam2.images.readers.dicom.headers import DicomHeader, FrameHeader, PixelFormat

_SAME_DIRECTION = 1e-3
"""Largest difference of unit vectors of one orientation."""


@dataclass(frozen=True, eq=False)
class Series:
    """Frames that belong to one image.

    Parameters
    ----------
    headers : tuple of DicomHeader
        The files.
    frames : tuple of FrameHeader
        The frames of one orientation in these files.
    localizer : bool
        Whether the frames are scouts on which other series were planned.
    """

    headers: tuple[DicomHeader, ...]
    frames: tuple[FrameHeader, ...]
    localizer: bool

    @property
    def pixels(self) -> PixelFormat:
        """Format of the frames."""
        return self.headers[0].pixels

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the frames."""
        return tuple(dict.fromkeys(frame.path for frame in self.frames))

    @property
    def label(self) -> str:
        """Number and description of the series."""
        first = self.headers[0]
        parts = (str(first.series_number or ""), first.description)
        return " ".join(part for part in parts if part) or first.series or self.files[0].name


def group_series(headers: Iterable[DicomHeader]) -> tuple[list[Series], tuple[str, ...]]:
    """Return the series of all files, ordered by series number, and notes about copies.

    Files with the same instance identifier are copies: the first one is read.
    """
    unique: dict[str, DicomHeader] = {}
    copies: list[str] = []
    for header in headers:
        if header.instance in unique:
            copies.append(header.path.name)
        else:
            unique[header.instance] = header
    groups: dict[tuple[object, ...], list[DicomHeader]] = {}
    for header in unique.values():
        key = (header.series, header.pixels, "LOCALIZER" in header.image_type)
        groups.setdefault(key, []).append(header)
    found = [series for group in groups.values() for series in _orientations(group)]
    found.sort(key=lambda series: (series.headers[0].series_number, series.headers[0].series))
    notes: tuple[str, ...] = ()
    if copies:
        shown = ", ".join(copies[:3]) + (", ..." if len(copies) > 3 else "")
        notes = (f"Copies of other files are left out ({len(copies)}): {shown}.",)
    return found, notes


def _orientations(headers: list[DicomHeader]) -> list[Series]:
    clusters: list[list[FrameHeader]] = []
    for header in headers:
        for frame in header.frames:
            for cluster in clusters:
                if _same_orientation(cluster[0], frame):
                    cluster.append(frame)
                    break
            else:
                clusters.append([frame])
    localizer = "LOCALIZER" in headers[0].image_type
    return [Series(tuple(headers), tuple(cluster), localizer) for cluster in clusters]


def _same_orientation(a: FrameHeader, b: FrameHeader) -> bool:
    if a.orientation is None or b.orientation is None:
        return a.orientation is b.orientation
    return bool(np.abs(a.orientation - b.orientation).max() < _SAME_DIRECTION)


def scene_names(series: list[Series]) -> tuple[str, ...]:
    """Return a name for each series; those with the same number and description are counted."""
    labels = [item.label + (" (localizer)" if item.localizer else "") for item in series]
    return tuple(
        label if labels.count(label) == 1 else f"{label} #{labels[: i + 1].count(label)}"
        for i, label in enumerate(labels)
    )


def default_series(series: list[Series]) -> int:
    """Return the position of the series with the most frames that is no localizer."""
    sizes = [(not item.localizer, len(item.frames)) for item in series]
    return sizes.index(max(sizes))
