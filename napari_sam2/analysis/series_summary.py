"""Summary of a run through a series of volumes: where objects were found and lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_sam2.core.frame_ranges import FrameRanges

if TYPE_CHECKING:
    from napari_sam2.masks.store import MaskStore

_MOST_LISTED = 5


def series_summary(masks: MaskStore, ids: Iterable[int]) -> str:
    """Return at how many time points objects were found, and where they were lost.

    Parameters
    ----------
    masks : MaskStore
        The masks, on planes (t, z).
    ids : iterable of int
        The objects.
    """
    computed: set[int] = set()
    found: dict[int, set[int]] = {}
    for object_id in ids:
        infos = masks.infos(object_id)
        computed |= {info.index[0] for info in infos}
        found[object_id] = {info.index[0] for info in infos if info.area}
    lost = {o: FrameRanges.of(computed - times) for o, times in found.items() if computed - times}
    many = "1 object" if len(found) == 1 else f"{len(found)} objects"
    points = "1 time point" if len(computed) == 1 else f"{len(computed)} time points"
    if not lost:
        return f"{many} found at {points}."
    listed = "; ".join(f"object {o} at t={lost[o]}" for o in list(lost)[:_MOST_LISTED])
    more = f"; and {len(lost) - _MOST_LISTED} more" if len(lost) > _MOST_LISTED else ""
    return f"{many} at {points}. Not found: {listed}{more}."
