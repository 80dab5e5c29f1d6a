"""The state that an interrupted run resumes from, and the journal that stores it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import MaskOrigin


class Journal(Protocol):
    """Records which planes of a run are complete, and the state to resume it from; thread-safe."""

    def mark(self, object_ids: Iterable[int], origin: MaskOrigin, index: PlaneIndex) -> None:
        """Record that a plane is complete for some objects; called after its last write."""

    def forget(self, *object_ids: int) -> None:
        """Delete the entries of some objects, without any of all, and the checkpoint."""

    def checkpoint(self, data: bytes) -> None:
        """Store the state of the run in place of the one before, atomically."""

    def last_checkpoint(self) -> bytes | None:
        """Return the state that was stored last, or None."""


class NullJournal:
    """A journal that records nothing: an interrupted run starts from the beginning."""

    def mark(self, object_ids: Iterable[int], origin: MaskOrigin, index: PlaneIndex) -> None:
        """Do nothing."""

    def forget(self, *object_ids: int) -> None:
        """Do nothing."""

    def checkpoint(self, data: bytes) -> None:
        """Do nothing."""

    def last_checkpoint(self) -> bytes | None:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class ResumeState:
    """The position of a run, and its tracks.

    Parameters
    ----------
    run_id : str
        Identifies the request, prompts, settings and weights of the run.
    sweep : int
        Number of the current sweep in the plan.
    done : int
        Number of frames of that sweep that are complete.
    tracks : tuple of dict
        The current tracks, see :meth:`napari_sam2.tracking.track.Track.to_state`.
    """

    run_id: str
    sweep: int = 0
    done: int = 0
    tracks: tuple[dict[str, Any], ...] = ()

    def to_bytes(self) -> bytes:
        """Return the state as a NumPy archive, which cannot contain code."""
        arrays: list[NDArray[Any]] = []
        header = {
            "run_id": self.run_id,
            "sweep": self.sweep,
            "done": self.done,
            "tracks": [_without_arrays(track, arrays) for track in self.tracks],
        }
        named: dict[str, Any] = {f"a{number}": array for number, array in enumerate(arrays)}
        named["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        buffer = BytesIO()
        np.savez(buffer, **named)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, run_id: str) -> ResumeState | None:
        """Return the state from the bytes of :meth:`to_bytes`, or None if it is of another run.

        The tracks of another run are not decoded, as another version may store them differently.
        """
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            if header["run_id"] != run_id:
                return None
            tracks = tuple(_with_arrays(track, archive) for track in header["tracks"])
        return cls(run_id, header["sweep"], header["done"], tracks)


_ARRAY = "__array__"


def _without_arrays(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return a nested value with its arrays replaced by their number in ``arrays``."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, dict):
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(item, arrays) for item in value]
    return value


def _with_arrays(value: Any, archive: Any) -> Any:
    """Return a nested value with its arrays put back, see :func:`_without_arrays`."""
    if isinstance(value, dict):
        if _ARRAY in value:
            return archive[f"a{value[_ARRAY]}"]
        return {key: _with_arrays(item, archive) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, archive) for item in value]
    return value
