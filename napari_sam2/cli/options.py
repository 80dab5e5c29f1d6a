"""What ``napari-sam2 segment`` was asked, before anything is checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentOptions:
    """The options of the command, as they were given; see its help.

    Parameters
    ----------
    source : str
        File, folder or URL.
    prompts, output, scores : Path
        Files and folders.
    model, device, axes, along, contrast, window, direction, frames, view, labels_as : str
        Words.
    at : tuple of str
        Fixed positions, e.g. ``"z=3"``.
    channels : tuple of int or None
        Channels that are used; None for all.
    refine : bool
        Whether every mask gets a second, closer look.
    resume, overwrite : bool
        What to do about earlier output.
    """

    source: str
    prompts: Path
    output: Path
    model: str = "auto"
    device: str = "auto"
    axes: str | None = None
    along: str | None = None
    at: tuple[str, ...] = ()
    channels: tuple[int, ...] | None = None
    contrast: str | None = None
    window: str | None = None
    direction: str = "both"
    frames: str | None = None
    view: str = "auto"
    refine: bool = False
    labels_as: str = "mask"
    scores: Path | None = None
    resume: bool = False
    overwrite: bool = False
