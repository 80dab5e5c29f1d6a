"""Videos with unusual properties, written by PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


def write_gray(path: Path, planes: NDArray[Any], pixel_format: str, codec: str) -> None:
    """Write (T, H, W) planes of a gray pixel format with a lossless codec."""
    stored = planes.dtype.newbyteorder(">" if pixel_format.endswith("be") else "<")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = planes.shape[1:]
        stream.pix_fmt = pixel_format
        for number, plane in enumerate(planes):
            frame = av.VideoFrame(plane.shape[1], plane.shape[0], pixel_format)
            rows = np.zeros((plane.shape[0], frame.planes[0].line_size // stored.itemsize), stored)
            rows[:, : plane.shape[1]] = plane
            frame.planes[0].update(rows.tobytes())
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def encode(
    path: Path,
    frames: NDArray[np.uint8],
    times: Iterable[int] | None = None,
    rotation: int = 0,
    aspect: int = 1,
    **options: str,
) -> None:
    """Encode (T, H, W, 3) frames with H.264, optionally at given times in tenths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for time, pixels in zip(times or range(len(frames)), frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def cut(source: Path, target: Path, seconds: float) -> None:
    """Copy a video from the key frame at or before a time, without encoding it again."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as clip:
        old = whole.streams.video[0]
        new = clip.add_stream_from_template(old)
        assert old.time_base is not None
        whole.seek(int(seconds / old.time_base), stream=old, backward=True)
        for packet in whole.demux(old):
            if packet.dts is not None:
                packet.stream = new
                clip.mux(packet)


def join(paths: Iterable[Path], target: Path) -> None:
    """Write the video streams of several files into one file."""
    with av.open(str(target), "w") as joined:
        sources = [av.open(str(path)) for path in paths]
        streams = [joined.add_stream_from_template(s.streams.video[0]) for s in sources]
        for source, stream in zip(sources, streams, strict=True):
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    joined.mux(packet)
            source.close()
