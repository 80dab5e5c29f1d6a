"""Random access to the frames of a video, with cheap access to neighboring ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_sam2.core.lru_cache import LRUCache
from napari_sam2.images.readers.video.frame_times import FrameTimes

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

DECODED_BYTES = 256 << 20
"""Size of the cache of decoded frames in bytes."""


def decode_frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the frames from the current position; packets that cannot be decoded are skipped."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            decoded = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in decoded if frame.pts is not None)


class VideoDecoder:
    """Decodes frames by number, with a cache.

    Decoding starts at a key frame, and the frames on the way are cached, so reading a video
    backward decodes each group of pictures once.

    Parameters
    ----------
    path : Path
        The video file.
    stream : int
        Index of the stream in the file.
    times : FrameTimes
        Presentation times of its frames.
    convert : callable
        Returns the pixels of a decoded frame.
    """

    def __init__(
        self,
        path: Path,
        stream: int,
        times: FrameTimes,
        convert: Callable[[VideoFrame], NDArray[Any]],
    ) -> None:
        self._path, self._stream, self._times, self._convert = path, stream, times, convert
        self._lock = threading.Lock()
        self._decoded: LRUCache[int, NDArray[Any]] = LRUCache(DECODED_BYTES)
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._position: int | None = None

    def load(self, position: tuple[int, ...]) -> NDArray[Any]:
        """Return a frame by its number as (H, W, 3), or (H, W) for a video without color.

        Parameters
        ----------
        position : tuple of int
            The number of the frame.

        Raises
        ------
        OSError
            If the frame cannot be decoded.
        """
        (number,) = position
        with self._lock:
            time = self._times.shown[number]
            frame = self._decoded.get(time)
            return self._decode(number, time) if frame is None else frame

    def _decode(self, number: int, time: int) -> NDArray[Any]:
        key = self._times.key_before(time)
        if self._position is None or not key <= self._position < time:
            self._seek(key)
        found = self._advance(time)
        if found is None:
            self._restart()
            found = self._advance(time)
        if found is None:
            raise OSError(f"{self._path.name}: frame {number} is damaged and cannot be decoded")
        return found

    def _advance(self, time: int) -> NDArray[Any] | None:
        """Decode and cache frames up to ``time``; return that frame, or None if it is missing."""
        for frame in self._frames:
            assert frame.pts is not None
            self._position = frame.pts
            if frame.pts <= time and not frame.is_corrupt:
                self._decoded.put(frame.pts, self._convert(frame))
            if frame.pts >= time:
                break
        else:
            self._position = None
        return self._decoded.get(time)

    def _seek(self, time: int) -> None:
        if self._container is None:
            self._restart()
        assert self._container is not None
        stream = self._video_stream(self._container)
        self._container.seek(time, stream=stream, backward=True)
        self._frames = decode_frames(self._container, stream)
        self._position = None

    def _restart(self) -> None:
        import av

        if self._container is not None:
            self._container.close()
        self._container = av.open(str(self._path))
        stream = self._video_stream(self._container)
        stream.thread_type = "AUTO"
        self._frames = decode_frames(self._container, stream)
        self._position = None

    def _video_stream(self, container: InputContainer) -> VideoStream:
        return next(s for s in container.streams.video if s.index == self._stream)
