"""Settings of a session, fixed when it is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy

DISK_CACHE_BYTES = 4 * 1024**3
"""Disk space for image features where they are kept: about 250 frames at 1024 pixels."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Choices that change the results of a session, or its use of resources.

    Parameters
    ----------
    view : ViewPolicy
        Which view of a plane the model is shown.
    memory : MemoryPolicy
        Which frames are remembered while an object is tracked.
    smoothing : bool
        Whether contours of tracked masks are smoothed. Masks of ``full`` views never are.
    end_detection : bool
        Whether a track ends after some frames without its object. It applies along z, y and x;
        along t an object may return.
    exclusion : bool
        Whether tracked objects exclude each other: each pixel of a frame belongs to one of them,
        and one that keeps too few of its pixels ends there, or is lost on that frame along t.
    group_size : int
        Number of objects in one call of the model. It is fixed for a run and stored with it, as
        results may differ in the last bits between sizes.
    checkpoint_every : int
        Number of frames between the states from which an interrupted run can be resumed.
    cache_bytes : int
        Memory for image features that are kept, in bytes.
    disk_cache_bytes : int
        Disk space for image features in the user's cache folder, in bytes; 0 keeps none there.
        All sessions share the folder.
    """

    view: ViewPolicy = field(default_factory=ViewPolicy)
    memory: MemoryPolicy = field(default=MemoryPolicy.PLAIN, repr=False)
    smoothing: bool = True
    end_detection: bool = True
    exclusion: bool = field(default=True, repr=False)
    group_size: int = 8
    checkpoint_every: int = 16
    cache_bytes: int = 256 * 1024**2
    disk_cache_bytes: int = field(default=0, repr=False)

    def __str__(self) -> str:
        """Return the text that identifies runs with these settings.

        Without exclusion and with plain memory it is the text from before there were these
        settings, so that such runs can be resumed.
        """
        memory = "" if self.memory is MemoryPolicy.PLAIN else f" {self.memory.value}"
        return f"{self!r}{memory}{' exclusion' * self.exclusion}"

    def to_json(self) -> dict[str, Any]:
        """Return a value that :mod:`json` can write; see :meth:`from_json`."""
        return {**asdict(self), "view": str(self.view), "memory": self.memory.value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SessionSettings:
        """Return the settings from the value of :meth:`to_json`; missing ones get the default."""
        parsers: dict[str, Callable[[str], Any]] = {
            "view": ViewPolicy.parse,
            "memory": MemoryPolicy,
        }
        found: dict[str, Any] = {n: parsers[n](v) if n in parsers else v for n, v in value.items()}
        return cls(**found)

    def detects_end_along(self, axis: str) -> bool:
        """Return whether tracks along an axis (lower case) can end."""
        return self.end_detection and axis != "t"
