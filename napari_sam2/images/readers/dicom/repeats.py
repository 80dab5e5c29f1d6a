"""Frames at one position: time points, channels, or doubled slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.dicom.headers import FrameHeader
from napari_sam2.images.readers.dicom.markers import CHANNEL_MARKERS, TIME_MARKERS

Marker = Callable[[FrameHeader], float | str | None]


@dataclass(frozen=True, eq=False)
class Repeats:
    """Frames of a series in the order time point, channel, position.

    Parameters
    ----------
    frames : list of list of list of FrameHeader
        Indexed by time point, channel and position.
    time_step : float or None
        Mean time between time points in seconds, None if unknown.
    channel_names : tuple of str
        The marker's value for each channel; empty if there is one channel.
    notes : tuple of str
        Messages for the user.
    """

    frames: list[list[list[FrameHeader]]]
    time_step: float | None = None
    channel_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def split_repeats(positions: Sequence[Sequence[FrameHeader]], name: str) -> Repeats:
    """Return the frames of each position as time points and channels.

    Parameters
    ----------
    positions : sequence of sequence of FrameHeader
        The frames at each position.
    name : str
        The input, for messages.

    Raises
    ------
    UserError
        If some positions have more frames than others.
    """
    counts = {len(frames) for frames in positions}
    if len(counts) > 1:
        raise UserError(_uneven_message(positions, name))
    count = counts.pop()
    if count == 1:
        return Repeats([[[frames[0] for frames in positions]]])
    times = [key for key in TIME_MARKERS if _distinct(positions, key) > 1]
    channels = [key for key in CHANNEL_MARKERS if _distinct(positions, key) > 1]
    for time in times:
        if _distinct(positions, time) == count:
            return _time_points(positions, time)
    for channel in channels:
        if _distinct(positions, channel) == count:
            return _channels(positions, channel)
    for time in times:
        for channel in channels:
            if _distinct(positions, time, channel) == count:
                return _both(positions, time, channel, count)
    return _by_number(positions, name)


def _distinct(positions: Sequence[Sequence[FrameHeader]], *keys: str) -> int:
    """Return how many combinations of values each position has; 0 if this differs."""
    counts = set()
    for frames in positions:
        values = {tuple(frame.markers.get(key) for key in keys) for frame in frames}
        if any(None in value for value in values):
            return 0
        counts.add(len(values))
    return counts.pop() if len(counts) == 1 else 0


def _sorted(frames: Sequence[FrameHeader], *keys: str) -> list[FrameHeader]:
    return sorted(frames, key=lambda frame: tuple(_comparable(frame, key) for key in keys))


def _comparable(frame: FrameHeader, key: str) -> tuple[float, str]:
    value = frame.markers[key]
    return (0.0, value) if isinstance(value, str) else (value, "")


def _time_points(positions: Sequence[Sequence[FrameHeader]], key: str) -> Repeats:
    ordered = [_sorted(frames, key) for frames in positions]
    frames = [[list(volume)] for volume in zip(*ordered, strict=True)]
    return Repeats(frames, _time_step(ordered[0], key))


def _time_step(frames: Sequence[FrameHeader], key: str) -> float | None:
    """Return the mean time between frames, from the first time in seconds that they state."""
    for time in (key, *(other for other, unit in TIME_MARKERS.items() if unit)):
        first, last = (frames[i].markers.get(time) for i in (0, -1))
        if TIME_MARKERS[time] and isinstance(first, float) and isinstance(last, float):
            step = (last - first) / (len(frames) - 1)
            if step > 0:
                return step
    return None


def _channels(positions: Sequence[Sequence[FrameHeader]], key: str) -> Repeats:
    ordered = [_sorted(frames, key) for frames in positions]
    names = tuple(f"{key} {frame.markers[key]}" for frame in ordered[0])
    frames = [[list(volume) for volume in zip(*ordered, strict=True)]]
    note = f"The {len(names)} images of each position differ in {key}: they are read as channels."
    return Repeats(frames, None, names, (note,))


def _both(
    positions: Sequence[Sequence[FrameHeader]], time: str, channel: str, count: int
) -> Repeats:
    ordered = [_sorted(frames, time, channel) for frames in positions]
    channels = _distinct(positions, channel)
    volumes = [list(volume) for volume in zip(*ordered, strict=True)]
    frames = [volumes[start : start + channels] for start in range(0, count, channels)]
    names = tuple(f"{channel} {volume[0].markers[channel]}" for volume in frames[0])
    return Repeats(frames, _time_step(ordered[0][::channels], time), names)


def _by_number(positions: Sequence[Sequence[FrameHeader]], name: str) -> Repeats:
    ordered = [sorted(frames, key=lambda f: (f.number, f.index, f.path)) for frames in positions]
    frames = [[list(volume)] for volume in zip(*ordered, strict=True)]
    note = (
        f"{name} has {len(frames)} slices at each position, but the headers do not state why: they "
        "are read as time points, in the order of their instance numbers."
    )
    return Repeats(frames, notes=(note,))


def _uneven_message(positions: Sequence[Sequence[FrameHeader]], name: str) -> str:
    lengths = [len(frames) for frames in positions]
    usual = max(set(lengths), key=lengths.count)
    odd = [frames for frames in positions if len(frames) != usual]
    shown = "; ".join(", ".join(frame.name for frame in frames) for frames in odd[:3])
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    kind = "doubled" if usual == 1 else "incomplete"
    return (
        f"{name}: {len(odd)} of {len(positions)} positions are {kind}: most have {usual} "
        f"{'slice' if usual == 1 else 'slices'}, but these files lie at one position: {shown}"
        f"{more}. Move the files that do not belong to the series to another folder."
    )
