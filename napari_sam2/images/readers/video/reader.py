"""Video files: exact random access to frames, with cheap access to neighboring ones."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.lru_cache import LRUCache
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import FrameArray, Source

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

_DECODED_BYTES = 256 << 20
_GRAY_FORMATS = {
    "gray": "gray",
    "gray16le": "gray16le",
    "gray16be": "gray16le",
    "gray10le": "gray16le",
}


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


class VideoDecoder:
    """Decodes frames by number, with a cache.

    Decoding starts at a key frame, and the frames on the way are cached, so reading a video
    backward decodes each group of pictures once.

    Parameters
    ----------
    path : Path
        The video file.
    times : FrameTimes
        Presentation times of its frames.
    pixel_format : str
        FFmpeg pixel format to decode to, e.g. ``"rgb24"``.
    """

    def __init__(self, path: Path, times: FrameTimes, pixel_format: str) -> None:
        self._path, self._times, self._format = path, times, pixel_format
        self._lock = threading.Lock()
        self._decoded: LRUCache[int, NDArray[Any]] = LRUCache(_DECODED_BYTES)
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._position: int | None = None

    def load(self, number: int) -> NDArray[Any]:
        """Return frame ``number`` as (H, W, 3), or (H, W) for a video without color.

        Raises
        ------
        OSError
            If the frame cannot be decoded.
        """
        with self._lock:
            time = self._times.shown[number]
            frame = self._decoded.get(time)
            return self._decode(time) if frame is None else frame

    def _decode(self, time: int) -> NDArray[Any]:
        key = self._times.key_before(time)
        if self._position is None or not key <= self._position < time:
            self._seek(key)
        found = self._advance(time)
        if found is None:
            self._restart()
            found = self._advance(time)
        if found is None:
            raise OSError(f"{self._path.name}: the frame at tick {time} cannot be decoded")
        return found

    def _advance(self, time: int) -> NDArray[Any] | None:
        """Decode and cache frames up to ``time``; return that frame, or None if it is missing."""
        for frame in self._frames:
            if frame.pts is None:
                continue
            self._position = frame.pts
            if frame.pts <= time:
                self._decoded.put(frame.pts, frame.to_ndarray(format=self._format))
            if frame.pts >= time:
                break
        else:
            self._position = None
        return self._decoded.get(time)

    def _seek(self, time: int) -> None:
        if self._container is None:
            self._restart()
        assert self._container is not None
        stream = self._container.streams.video[0]
        self._container.seek(time, stream=stream, backward=True)
        self._frames = self._container.decode(stream)
        self._position = None

    def _restart(self) -> None:
        import av

        if self._container is not None:
            self._container.close()
        self._container = av.open(str(self._path))
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self._frames = self._container.decode(stream)
        self._position = None


def read_video(path: Path) -> Source:
    """Open a video as TYXS, or TYX if it has no color; frames are counted without decoding.

    Parameters
    ----------
    path : Path
        A file of any format that FFmpeg reads.

    Raises
    ------
    UserError
        If PyAV is not installed, or the file is damaged or holds no video.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            f"Reading the video {path.name} needs PyAV. Install it: "
            "pip install 'napari-sam2[video]'"
        ) from error
    try:
        with av.open(str(path)) as container:
            return _source(container, path)
    except av.FFmpegError as error:
        raise UserError(f"Cannot open {path.name} as video: {error.strerror}.") from error


def _source(container: InputContainer, path: Path) -> Source:
    if not container.streams.video:
        raise UserError(f"{path.name} holds no video.")
    stream = container.streams.video[0]
    height, width, rate = stream.height, stream.width, stream.average_rate
    gray = _GRAY_FORMATS.get(str(stream.pix_fmt))
    times, notes = _times(container, path)
    if not times.shown:
        raise UserError(f"{path.name} holds no frames.")
    decoder = VideoDecoder(path, times, gray or "rgb24")
    shape = (height, width) if gray else (height, width, 3)
    dtype = np.dtype(np.uint16 if gray == "gray16le" else np.uint8)
    array = FrameArray(len(times.shown), shape, dtype, decoder.load)
    calibration = Calibration({"T": AxisStep(float(1 / rate), "second")} if rate else {})
    axes = "TYX" if gray else "TYXS"
    return Source((array,), path.name, axes, calibration, (path,), notes)


def _times(container: InputContainer, path: Path) -> tuple[FrameTimes, tuple[str, ...]]:
    """Return the times of all frames from the packets, and notes for the user."""
    shown, keys = [], []
    for packet in container.demux(video=0):
        if packet.size == 0 or packet.is_discard:
            continue
        if packet.pts is None:
            return _times_by_decoding(path)
        shown.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
    if len(set(shown)) != len(shown) or not keys:
        return _times_by_decoding(path)
    return FrameTimes(tuple(sorted(shown)), tuple(sorted(keys))), ()


def _times_by_decoding(path: Path) -> tuple[FrameTimes, tuple[str, ...]]:
    """Return the times of all frames by decoding once, for files whose packets have no times."""
    import av

    with av.open(str(path)) as container:
        decoded = container.decode(video=0)
        frames = [(f.pts, f.key_frame) for f in decoded if f.pts is not None]
    shown = tuple(sorted({pts for pts, _ in frames}))
    keys = tuple(sorted({pts for pts, key in frames if key})) or shown[:1]
    return FrameTimes(shown, keys), (f"{path.name} has no index: its frames were counted once.",)
