"""What the GUI thread does while the window stands still: work of the plugin, or of napari."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
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
    OTHERS = "others"
    """The event loop, and what runs it."""


class Sample(NamedTuple):
    """A short time of the GUI thread: when it was, its processor time, and what it did."""

    start: float
    end: float
    processor: float
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
        Seconds of processor time of each owner.
    place : str
        Where the plugin, or else the owner of most of it, was most of the time.
    """

    seconds: float
    shares: dict[Owner, float]
    place: str

    def share(self, owner: Owner) -> float:
        """Return the processor time of an owner in seconds."""
        return self.shares.get(owner, 0.0)

    @property
    def waited(self) -> float:
        """Seconds without work: another thread had the interpreter, or a program the processor."""
        return max(0.0, self.seconds - sum(self.shares.values()))


class StallTrace:
    """Samples the stack of the GUI thread in a thread of its own.

    The innermost function of the plugin, napari or vispy owns a sample: a call of napari by the
    plugin is napari's, an import by the plugin is the plugin's. Times are processor times of the
    GUI thread, so that other programs on the machine do not count.
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
        inside = [s for s in list(self._samples) if s.end > start and s.start < end]
        shares: defaultdict[Owner, float] = defaultdict(float)
        places: defaultdict[tuple[Owner, str], float] = defaultdict(float)
        for sample in inside:
            part = (min(end, sample.end) - max(start, sample.start)) / (sample.end - sample.start)
            seconds = part * sample.processor
            shares[sample.owner] += seconds
            places[sample.owner, sample.place] += seconds
        ours = {key: value for key, value in places.items() if key[0] is Owner.OURS} or places
        place = max(ours, key=ours.__getitem__)[1] if ours else ""
        return Stall(end - start, dict(shares), place)

    def _run(self) -> None:
        gui = main_thread().ident or 0
        clock = time.pthread_getcpuclockid(gui)
        last, used = time.perf_counter(), time.clock_gettime(clock)
        while not self._ended.wait(SAMPLE_SECONDS):
            # The only way to see what another thread does.
            frames = sys._current_frames()
            now, total = time.perf_counter(), time.clock_gettime(clock)
            owner, place = _owner(frames.get(gui))
            self._samples.append(Sample(last, now, total - used, owner, place))
            last, used = now, total


def _owner(frame: FrameType | None) -> tuple[Owner, str]:
    innermost = "" if frame is None else _name(frame)
    for each in _outwards(frame):
        package = _package(each)
        if package in _PACKAGES:
            return Owner[_PACKAGES[package]], f"{_name(each)} > {innermost}"
    return Owner.OTHERS, innermost


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).split(".")[0]


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{Path(code.co_filename).stem}.{code.co_qualname}:{frame.f_lineno}"
