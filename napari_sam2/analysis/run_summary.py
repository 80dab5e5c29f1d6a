"""Summary of a run: where objects were found and lost, and which frame to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.analysis.review import TrackReview
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.model_catalog import BUNDLED

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession

LOW_CONFIDENCE = 0.6
"""Mean confidence of a run below which another model is recommended.

In :mod:`tests.benchmarks.review_study` it separates nuclei, of which the bundled model has seen
many, from brain structures and everyday video.
"""
_MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class ObjectRun:
    """What a run computed for one object.

    Parameters
    ----------
    object_id : int
        The label value.
    n_frames, n_found : int
        Number of frames that were computed, and of those with a mask.
    first, last : int or None
        The first and the last frame with a mask.
    lost : tuple of int
        Frames without a mask between those two, increasing.
    lost_before, lost_after : bool
        Whether the run continued without a mask before the first, or after the last of them.
    worst : int or None
        The frame with a mask that has the lowest confidence.
    confidence : float or None
        That confidence.
    mean_confidence : float or None
        Mean over the frames with a mask.
    """

    object_id: int
    n_frames: int
    n_found: int
    first: int | None = None
    last: int | None = None
    lost: tuple[int, ...] = ()
    lost_before: bool = False
    lost_after: bool = False
    worst: int | None = None
    confidence: float | None = None
    mean_confidence: float | None = None

    @classmethod
    def of(cls, track: TrackReview, frames: Iterable[int]) -> ObjectRun:
        """Return the summary of an object's track on the frames that a run computed."""
        run = np.array(sorted(set(frames)), np.intp)
        run = run[track.visited[run]]
        found = run[track.found[run]]
        if not len(found):
            return cls(track.object_id, len(run), 0)
        first, last = int(found[0]), int(found[-1])
        confidence = track.confidence[found]
        return cls(
            track.object_id,
            len(run),
            len(found),
            first,
            last,
            tuple(int(frame) for frame in run if first < frame < last and track.lost[frame]),
            bool(run[0] < first),
            bool(run[-1] > last),
            int(found[np.argmin(confidence)]),
            float(confidence.min()),
            float(confidence.mean()),
        )

    def text(self, *, may_return: bool) -> str:
        """Return e.g. ``"found on 29 of 37 frames, lost after 30"``.

        Parameters
        ----------
        may_return : bool
            Whether the axis is time, along which an object that vanishes is lost; along others it
            ends.
        """
        if self.first is None:
            return f"not found on any of {_frames(self.n_frames)}"
        parts = [f"found on {self.n_found} of {_frames(self.n_frames)}"]
        if self.lost:
            parts.append(f"lost on {_listed(self.lost)}")
        if may_return:
            parts += [f"lost before {self.first}"] if self.lost_before else []
            parts += [f"lost after {self.last}"] if self.lost_after else []
        elif self.lost_before or self.lost_after:
            parts.append(f"from {self.first} to {self.last}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run computed.

    Parameters
    ----------
    objects : tuple of ObjectRun
        By id.
    along : str
        The propagated axis, lower case.
    model : str
        Name of the model.
    worst_plane : tuple of int or None
        Full index of the plane with the lowest confidence; None without masks.
    """

    objects: tuple[ObjectRun, ...]
    along: str
    model: str
    worst_plane: PlaneIndex | None = None

    @classmethod
    def of(cls, session: SegmentationSession, computed: Mapping[int, Iterable[int]]) -> RunSummary:
        """Return the summary of a run, given the frames that it computed for each object.

        No pixels are decoded.
        """
        n_frames, scores = session.stack.n_frames, session.scores
        tracks = ((o, TrackReview.of(o, scores.rows(o), n_frames)) for o in sorted(computed))
        objects = tuple(ObjectRun.of(track, computed[o]) for o, track in tracks)
        made = cls(objects, session.stack.along, session.predictor.info.name)
        if made.worst is None or made.worst.worst is None:
            return made
        return replace(made, worst_plane=session.stack.index(made.worst.worst))

    @property
    def worst(self) -> ObjectRun | None:
        """The object with the lowest confidence; its ``worst`` is the frame. None without masks."""
        found = [run for run in self.objects if run.confidence is not None]
        return min(found, key=lambda run: run.confidence or 0.0, default=None)

    @property
    def text(self) -> str:
        """The summary in one or two sentences; empty without objects."""
        if not self.objects:
            return ""
        one = self.objects[0] if len(self.objects) == 1 else None
        text = self._several() if one is None else self._single(one)
        worst = self.worst
        if worst is None:
            return f"{text}."
        where = f"frame {worst.worst}" if one else f"object {worst.object_id}, frame {worst.worst}"
        lowest = f"lowest confidence {worst.confidence:.2f} on {where}"
        return f"{text}, {lowest}." if one else f"{text}. {lowest.capitalize()}."

    def _single(self, run: ObjectRun) -> str:
        return f"Object {run.object_id}: {run.text(may_return=self.along == 't')}"

    def _several(self) -> str:
        missing = [run for run in self.objects if run.first is None]
        lost = [run for run in self.objects if run.lost or self._left(run)]
        n_frames = {run.n_frames for run in self.objects}
        where = f" on {_frames(max(n_frames))}" if len(n_frames) == 1 else ""
        parts = [f"{len(self.objects)} objects{where}"]
        if missing:
            parts.append(f"not found: {_listed([run.object_id for run in missing])}")
        if lost:
            parts.append(f"lost on some frames: {_listed([run.object_id for run in lost])}")
        return "; ".join(parts if len(parts) > 1 else [f"{parts[0]}, none lost"])

    def _left(self, run: ObjectRun) -> bool:
        return self.along == "t" and (run.lost_before or run.lost_after)

    @property
    def advice(self) -> str:
        """What to do if the bundled model has a low mean confidence; empty otherwise."""
        found = [r for r in self.objects if r.mean_confidence is not None and r.n_found]
        total = sum(run.n_found for run in found)
        mean = sum((r.mean_confidence or 0.0) * r.n_found for r in found) / max(total, 1)
        if self.model != BUNDLED or not found or mean >= LOW_CONFIDENCE:
            return ""
        return (
            f"The mean confidence is low ({mean:.2f}). {BUNDLED} is made for fluorescent nuclei "
            "and for generated images; for other images choose a larger model, which is "
            "downloaded once."
        )


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _listed(numbers: Sequence[int]) -> str:
    """Return numbers as text, the first ones only if there are many."""
    text = ", ".join(str(number) for number in numbers[:_MOST_LISTED])
    more = len(numbers) - _MOST_LISTED
    return f"{text} and {more} more" if more > 0 else text
