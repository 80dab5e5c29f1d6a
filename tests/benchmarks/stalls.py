"""What the GUI thread does while the window stands still: work of the plugin, or of napari."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event, Thread, main_thread
from types import FrameType
from typing import NamedTuple

SAMPLE_SECONDS = 0.002
_PACKAGES = {"napari_sam2": "OURS", "sam2_model": "OURS", "napari": "NAPARI", "vispy": "NAPARI"}


class Owner(Enum):
    """Whose code the GUI thread is in."""

    OURS = "ours"
    NAPARI = "napari"
    WAITING = "waiting"
    """The event loop, which another thread may keep from running."""


class Sample(NamedTuple):
    """A short time of the GUI thread: its end and its length in seconds, and what it did."""

    end: float
    seconds: float
    owner: Owner
    place: str


@dataclass(frozen=True)
class Stall:
    """A time in which the event loop did not run.

    Parameters
    ----------
    seconds : float
        How long.
    shares : dict of Owner to float
        Seconds of each owner.
    place : str
        Where the plugin, or else the owner of most of it, was most of the time.
    """

    seconds: float
    shares: dict[Owner, float]
    place: str

    def share(self, owner: Owner) -> float:
        """Return the seconds of an owner."""
        return self.shares.get(owner, 0.0)


class StallTrace:
    """Samples the stack of the GUI thread in a thread of its own.

    The innermost function of the plugin, napari or vispy owns a sample: a call of napari by the
    plugin is napari's, an import by the plugin is the plugin's.
    """

    def __init__(self) -> None:
        self._samples: list[Sample] = []
        self._ended = Event()
        self._thread = Thread(target=self._run, name="stall trace", daemon=True)

    def start(self) -> None:
        """Start to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def stall(self, start: float, end: float) -> Stall:
        """Return what the GUI thread did between two times of :func:`time.perf_counter`."""
        inside = [s for s in list(self._samples) if s.end > start and s.end - s.seconds < end]
        shares: Counter[Owner] = Counter()
        places: Counter[tuple[Owner, str]] = Counter()
        for sample in inside:
            seconds = min(end, sample.end) - max(start, sample.end - sample.seconds)
            shares[sample.owner] += seconds
            places[sample.owner, sample.place] += seconds
        ours = Counter({key: value for key, value in places.items() if key[0] is Owner.OURS})
        place = next((key[1] for key, _ in (ours or places).most_common(1)), "")
        return Stall(end - start, dict(shares), place)

    def places(self, start: float, end: float) -> list[tuple[str, float]]:
        """Return all places between two times with their seconds, the longest first."""
        found: Counter[str] = Counter()
        for s in list(self._samples):
            if s.end > start and s.end - s.seconds < end:
                found[f"{s.owner.value} {s.place}"] += min(end, s.end) - max(
                    start, s.end - s.seconds
                )
        return found.most_common()

    def _run(self) -> None:
        last, gui = time.perf_counter(), main_thread().ident
        while not self._ended.wait(SAMPLE_SECONDS):
            # The only way to see what another thread does.
            frames = sys._current_frames()
            now = time.perf_counter()
            owner, place = _owner(frames.get(gui or 0))
            self._samples.append(Sample(now, now - last, owner, place))
            last = now


def _owner(frame: FrameType | None) -> tuple[Owner, str]:
    innermost = "" if frame is None else _name(frame)
    for each in _outwards(frame):
        package = _package(each)
        if package in _PACKAGES:
            return Owner[_PACKAGES[package]], f"{_name(each)} > {innermost}"
    return Owner.WAITING, innermost


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).split(".")[0]


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{Path(code.co_filename).stem}.{code.co_qualname}:{frame.f_lineno}"
