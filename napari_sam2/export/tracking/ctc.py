"""Folders of the Cell Tracking Challenge: masks of 16 bit, and a text file with the tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.track_table import TrackTable

TRACKS = "res_track.txt"
"""Name of the file with the tracks."""
_SHOWN = 10
"""How many labels a message names."""
MAX_LABEL = int(np.iinfo(np.uint16).max)


@dataclass(frozen=True, slots=True)
class Segment:
    """A track without gaps, as the format demands.

    Parameters
    ----------
    label : int
        Its value in the masks.
    object_id : int
        The object that it is a part of.
    first, last : int
        Its frames, both included.
    parent : int
        Label of the segment before it, or of the parent's last segment; 0 for none.
    """

    label: int
    object_id: int
    first: int
    last: int
    parent: int


def split_at_gaps(table: TrackTable) -> tuple[Segment, ...]:
    """Return the tracks of a table, divided where an object is missing on some frames.

    The first segment of an object has the object's id. Later ones have new labels, and the segment
    before as parent. If an id does not fit 16 bit, all labels are numbered from 1 instead.

    Raises
    ------
    UserError
        If there are more segments than labels of 16 bit.
    """
    runs = {object_id: list(_runs(table, object_id)) for object_id in table.tracks}
    total = sum(map(len, runs.values()))
    if total > MAX_LABEL:
        raise UserError(
            f"There are {total} tracks, and the masks of the Cell Tracking Challenge hold at most "
            f"{MAX_LABEL}. Export GEFF instead."
        )
    fits = max(runs) + total - len(runs) <= MAX_LABEL
    new = count(max(runs) + 1 if fits else 1)
    labels = {
        object_id: [object_id if fits and not at else next(new) for at in range(len(parts))]
        for object_id, parts in runs.items()
    }
    found = []
    for object_id, parts in runs.items():
        parent = table.lineage.parent(object_id)
        before = 0 if parent is None else labels[parent][-1]
        for label, (first, last) in zip(labels[object_id], parts, strict=True):
            found.append(Segment(label, object_id, first, last, before))
            before = label
    return tuple(sorted(found, key=lambda segment: segment.label))


def _runs(table: TrackTable, object_id: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last frame of each run of frames without a gap."""
    frames = np.array([table.spots[at].frame for at in table.tracks[object_id]])
    for run in np.split(frames, np.nonzero(np.diff(frames) > 1)[0] + 1):
        yield int(run[0]), int(run[-1])


def ctc_notes(table: TrackTable) -> tuple[str, ...]:
    """Return messages about labels that are not the ids of their objects."""
    segments = split_at_gaps(table)
    renamed = [segment for segment in segments if segment.label != segment.object_id]
    if not renamed:
        return ()
    if not set(table.tracks) <= {s.label for s in segments if s.label == s.object_id}:
        return (
            f"The labels exceed {MAX_LABEL}, the largest one of the Cell Tracking Challenge: all "
            "tracks are numbered from 1.",
        )
    parts = ", ".join(f"{s.label} (object {s.object_id})" for s in renamed[:_SHOWN])
    parts += f" and {len(renamed) - _SHOWN} more" if len(renamed) > _SHOWN else ""
    return (
        "The format allows no gaps in a track. After a gap an object has a new label with the "
        f"earlier one as parent: {parts}.",
    )


def write_ctc(folder: Path, table: TrackTable) -> None:
    """Write the masks of all frames and the tracks to a folder, which is created.

    Volumes are TIFF files of several pages. Pixel sizes are not stored.
    """
    import tifffile

    segments = split_at_gaps(table)
    folder.mkdir(parents=True)
    digits = max(3, len(str(table.movie.n_frames - 1)))
    for time in range(table.movie.n_frames):
        present = [s for s in segments if s.first <= time <= s.last]
        masks = _renumbered(table, time, {s.object_id: s.label for s in present})
        path = folder / f"mask{time:0{digits}d}.tif"
        tifffile.imwrite(path, masks, compression="zlib", photometric="minisblack")
    rows = (f"{s.label} {s.first} {s.last} {s.parent}\n" for s in segments)
    (folder / TRACKS).write_text("".join(rows), encoding="ascii")


def _renumbered(table: TrackTable, time: int, labels: dict[int, int]) -> np.ndarray:
    ids, which = np.unique(table.movie.frame(time), return_inverse=True)
    values = np.array([labels.get(int(i), 0) for i in ids], np.uint16)
    return values[which].reshape(table.movie.shape)
