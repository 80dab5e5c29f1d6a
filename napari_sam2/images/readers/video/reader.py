"""Opening of video files; frames are decoded later, by number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import PlaneGrid, Source, find_scene, scene_note
from napari_sam2.images.readers.orientation import AS_STORED, Orientation
from napari_sam2.images.readers.video.decoder import VideoDecoder, decode_frames
from napari_sam2.images.readers.video.frame_times import (
    FrameTimes,
    decoded_times,
    packet_times,
    undecodable_end,
    undecodable_start,
)
from napari_sam2.images.readers.video.pixels import PixelFormat, display_orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_WHOLE = 0.9
"""Share of the stated duration that the frames of a complete file have at least."""


def read_video(path: Path, scene: str | int | None = None) -> Source:
    """Open a video as TYXS, or TYX if it has no color.

    Frames are counted from the packets. Only the frames before the first key frame and, in short
    groups of pictures, those after the last one are decoded, to leave out those that cannot be.

    Parameters
    ----------
    path : Path
        A file of any format that FFmpeg reads.
    scene : str, int or None
        Name or number of the video stream; None opens the first one.

    Raises
    ------
    UserError
        If PyAV is not installed, the file is damaged, holds no video or has no such stream, or
        FFmpeg has no decoder for it.
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
            return _source(container, path, scene)
    except av.FFmpegError as error:
        raise UserError(
            f"Cannot open {path.name} as video: {error.strerror}. If it plays elsewhere, convert "
            "it to MP4 (H.264)."
        ) from error


def _source(container: InputContainer, path: Path, scene: str | int | None) -> Source:
    scenes, number, stream = _choose_stream(container, path, scene)
    first = _first_frame(path, stream)
    times, notes = _find_times(path, stream.index)
    pixels = PixelFormat.of(first.format)
    stated = display_orientation(first)
    orientation = stated or AS_STORED
    decoder = VideoDecoder(
        path, stream.index, times, lambda frame: orientation.apply(pixels.pixels(frame))
    )
    frame_shape = orientation.apply(pixels.pixels(first)).shape
    array = PlaneGrid((len(times.shown),), frame_shape, pixels.dtype, decoder.load)
    steps, size_notes = _steps(times, stream, orientation)
    return Source(
        (array,),
        path.name,
        "TYX" if pixels.gray else "TYXS",
        Calibration(steps),
        (path,),
        scene_note(scenes, number, path.name)
        + notes
        + size_notes
        + _length_notes(container, stream, times, steps, path.name)
        + _pixel_notes(path, stated, pixels),
        scenes=scenes if len(scenes) > 1 else (),
        scene=scenes[number] if len(scenes) > 1 else None,
        significant_bits=pixels.bits if pixels.gray and 8 < pixels.bits < 16 else None,
    )


def _choose_stream(
    container: InputContainer, path: Path, scene: str | int | None
) -> tuple[tuple[str, ...], int, VideoStream]:
    """Return the names of all video streams without cover pictures, and the chosen one."""
    import av

    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise UserError(f"{path.name} holds no video.")
    names = tuple(_stream_name(stream) for stream in streams)
    number = 0 if scene is None or len(names) < 2 else find_scene(names, scene, path.name)
    return names, number, streams[number]


def _stream_name(stream: VideoStream) -> str:
    return stream.metadata.get("title") or f"stream {stream.index}"


def _first_frame(path: Path, stream: VideoStream) -> VideoFrame:
    """Return the first frame that can be decoded."""
    import av

    if stream.codec_context is None:
        raise UserError(
            f"The installed FFmpeg cannot decode {path.name}. Convert it to MP4 (H.264), or "
            "install a PyAV built with its codec."
        )
    with av.open(str(path)) as container:
        first = next(decode_frames(container, _same_stream(container, stream.index)), None)
    if first is None:
        raise UserError(f"{path.name} holds no frames that can be decoded.")
    return first


def _same_stream(container: InputContainer, index: int) -> VideoStream:
    return next(stream for stream in container.streams.video if stream.index == index)


def _find_times(path: Path, index: int) -> tuple[FrameTimes, tuple[str, ...]]:
    """Return the times of all frames that can be decoded, and notes on the others."""
    import av

    with av.open(str(path)) as container:
        times = packet_times(container.demux(_same_stream(container, index)))
    if times is None:
        with av.open(str(path)) as container:
            times = decoded_times(decode_frames(container, _same_stream(container, index)))
        return times, (f"{path.name} has no index: its frames were counted once.",)
    with av.open(str(path)) as container:
        frames = decode_frames(container, _same_stream(container, index))
        start = undecodable_start(times, frames)
    with av.open(str(path)) as container:
        stream = _same_stream(container, index)
        end = undecodable_end(times, container, stream, decode_frames(container, stream))
    notes: tuple[str, ...] = ()
    if start:
        notes += (
            f"The first {_frames(len(start))} of {path.name} cannot be decoded, as they refer to "
            "frames that were cut off: frame 0 is the first one that can.",
        )
    if end:
        notes += (
            f"The last {_frames(len(end))} of {path.name} cannot be decoded and "
            f"{'is' if len(end) == 1 else 'are'} left out: the file is damaged or incomplete.",
        )
    return times.without(start | end), notes


def _frames(count: int) -> str:
    return "frame" if count == 1 else f"{count} frames"


def _steps(
    times: FrameTimes, stream: VideoStream, orientation: Orientation
) -> tuple[dict[str, AxisStep], tuple[str, ...]]:
    """Return the frame interval and, for pixels that are not square, their sizes; and notes."""
    steps: dict[str, AxisStep] = {}
    notes: tuple[str, ...] = ()
    base = stream.time_base or Fraction(1)
    seconds, regular = times.interval(base, stream.average_rate)
    if seconds:
        steps["T"] = AxisStep(seconds, "second")
    if not regular:
        notes += (
            f"The frames are not evenly spaced in time: the mean interval, {seconds:.6g} s, is "
            "used.",
        )
    ratio = stream.sample_aspect_ratio
    if ratio and ratio > 0 and ratio != 1:
        wide, tall = ("Y", "X") if orientation.transpose else ("X", "Y")
        steps[wide], steps[tall] = AxisStep(float(ratio)), AxisStep(1.0)
        notes += (
            f"The pixels are not square (aspect ratio {ratio.numerator}:{ratio.denominator}): the "
            "frames are read as stored, not stretched.",
        )
    return steps, notes


def _length_notes(
    container: InputContainer,
    stream: VideoStream,
    times: FrameTimes,
    steps: dict[str, AxisStep],
    name: str,
) -> tuple[str, ...]:
    """Return a note if the file states a clearly longer duration than its frames have."""
    import av

    base = stream.time_base
    if stream.duration and base:
        stated = float(stream.duration * base)
    elif container.duration and len(container.streams) == 1:
        stated = container.duration / av.time_base
    else:
        return ()
    step = steps["T"].size if "T" in steps else 0.0
    # The times of a part that was cut out may begin late, and the duration with 0.
    ticks = times.shown[-1] - min(0, times.shown[0])
    found = float(ticks * (base or 1)) + step
    if found >= _WHOLE * stated - step:
        return ()
    return (
        f"{name} states a duration of {stated:.4g} s, but its frames last {found:.4g} s: the file "
        "may be incomplete.",
    )


def _pixel_notes(path: Path, stated: Orientation | None, pixels: PixelFormat) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if stated is None:
        notes += (
            f"{path.name} is shown rotated by an angle that is not a multiple of 90 degrees: the "
            "frames are read as stored.",
        )
    elif stated != AS_STORED:
        notes += (
            f"The frames of {path.name} are rotated as the file states. Other programs may show "
            "them as stored.",
        )
    if not pixels.gray and pixels.bits > 8:
        notes += (f"Colors of {pixels.bits} bits are read as 8 bits.",)
    return notes
