"""Times of the frames of a video, and the interval between them."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_SAME_RATE = 0.01
"""Relative difference up to which the rate in the header is that of the frames."""
_REGULAR = 0.1
"""Relative deviation of an interval from the mean up to which frames are evenly spaced."""
_TAIL_FRAMES = 64
"""Number of frames at the end of a video up to which they are checked when it is opened."""


@dataclass(frozen=True)
class FrameTimes:
    """Presentation times of the frames of a video, in ticks of the stream's time base.

    Parameters
    ----------
    shown : tuple of int
        Time of each frame, ascending.
    keys : tuple of int
        Times of the key frames, which can be decoded without others, ascending.
    """

    shown: tuple[int, ...]
    keys: tuple[int, ...]

    def key_before(self, time: int) -> int:
        """Return the time of the last key frame at or before ``time``."""
        return self.keys[max(0, bisect.bisect_right(self.keys, time) - 1)]

    def without(self, dropped: set[int]) -> FrameTimes:
        """Return the times without those of some frames."""
        shown = tuple(time for time in self.shown if time not in dropped)
        keys = tuple(time for time in self.keys if time not in dropped) or shown[:1]
        return FrameTimes(shown, keys)

    def leading(self) -> tuple[int, ...]:
        """Return the times of the frames shown before the first key frame."""
        return self.shown[: bisect.bisect_left(self.shown, self.keys[0])]

    def tail(self) -> tuple[int, ...]:
        """Return the times from the last key frame on; none if there are too many to decode."""
        last = self.shown[bisect.bisect_left(self.shown, self.keys[-1]) :]
        return last if len(last) <= _TAIL_FRAMES else ()

    def interval(self, base: Fraction, rate: Fraction | None) -> tuple[float | None, bool]:
        """Return the mean interval between frames, and whether all intervals are about equal.

        Parameters
        ----------
        base : Fraction
            Seconds of one tick.
        rate : Fraction or None
            Frames per second that the file states; its inverse is returned if the times agree.

        Returns
        -------
        seconds : float or None
            None for one frame without a rate.
        regular : bool
        """
        if len(self.shown) < 2:
            return (float(1 / rate) if rate else None), True
        mean = Fraction(self.shown[-1] - self.shown[0], len(self.shown) - 1)
        allowed = max(1.0, _REGULAR * float(mean))
        regular = all(
            abs(after - before - mean) <= allowed for before, after in pairwise(self.shown)
        )
        if rate and abs(float(mean * base * rate) - 1) <= _SAME_RATE:
            return float(1 / rate), regular
        return float(mean * base), regular


def packet_times(packets: Iterator[Packet[VideoStream]]) -> FrameTimes | None:
    """Return the times of all frames from the packets; None if the packets do not state them.

    Parameters
    ----------
    packets : iterator of Packet
        All packets of one stream; damaged ones end the video.
    """
    import av

    shown, keys = [], []
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            break
        if packet.size == 0 or packet.is_discard:
            continue
        if packet.pts is None:
            return None
        shown.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
    if len(set(shown)) != len(shown) or not keys:
        return None
    return FrameTimes(tuple(sorted(shown)), tuple(sorted(keys)))


def decoded_times(frames: Iterator[VideoFrame]) -> FrameTimes:
    """Return the times of all frames by decoding them, for files whose packets have no times."""
    times = [(frame.pts, frame.key_frame) for frame in frames if frame.pts is not None]
    shown = tuple(sorted({pts for pts, _ in times}))
    return FrameTimes(shown, tuple(sorted({pts for pts, key in times if key})) or shown[:1])


def undecodable_start(times: FrameTimes, frames: Iterator[VideoFrame]) -> set[int]:
    """Return the times of the frames before the first key frame that no decoder gives.

    A video that was cut without encoding starts with frames that refer to removed ones.

    Parameters
    ----------
    times : FrameTimes
        Times from the packets.
    frames : iterator of VideoFrame
        The frames from the start; only those up to the first key frame are decoded.
    """
    missing = set(times.leading())
    if missing:
        for frame in frames:
            if frame.pts is not None and frame.pts > times.keys[0]:
                break
            if not frame.is_corrupt:
                missing.discard(frame.pts)
    return missing


def undecodable_end(
    times: FrameTimes, container: InputContainer, stream: VideoStream, frames: Iterator[VideoFrame]
) -> set[int]:
    """Return the times of the last frames that cannot be decoded, as in a truncated file.

    Parameters
    ----------
    times : FrameTimes
        Times from the packets.
    container, stream
        The open file; it is positioned at its last key frame.
    frames : iterator of VideoFrame
        Frames from the position of the container on.
    """
    tail = times.tail()
    if not tail:
        return set()
    container.seek(tail[0], stream=stream, backward=True)
    good = {frame.pts for frame in frames if not frame.is_corrupt}
    whole = [number for number, time in enumerate(tail) if time in good]
    return set(tail[whole[-1] + 1 :]) if whole else set()
