"""Bring a track's memory from one window into another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackState
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.tracking.track import FrameMask, Track


@dataclass(frozen=True)
class MemoryTransfer:
    """Moves memories by whole tokens, or makes them again where the scale changes.

    Parameters
    ----------
    encoder : ViewEncoder
        The model's eyes.
    placement : ViewPlacement
        Where windows may lie.
    """

    encoder: ViewEncoder
    placement: ViewPlacement

    def to_view(self, track: Track, view: View) -> Track:
        """Return the track with its memory laid out in ``view``."""
        if view == track.view:
            return track
        if not _of_one_scale(track.view, view):
            return self.rebuild(track, view)
        (dy, dx), drift = self._moves(track, view)
        state = self.encoder.predictor.shift_memory(track.state, (dy, dx))
        moved = replace(track, state=state, view=view, drift=drift)
        return self.anchored(moved) if self._far(drift) else moved

    def encodings(self, track: Track, view: View) -> int:
        """Return how many windows :meth:`to_view` looks at, as if no features were kept."""
        if view == track.view:
            return 0
        if _of_one_scale(track.view, view):
            return int(self._far(self._moves(track, view)[1]))
        return 1 + (track.last.frame != track.anchor.frame)

    def rebuild(self, track: Track, view: View) -> Track:
        """Return the track with a fresh memory in ``view``: its anchor and its last mask."""
        fresh = self.anchored(replace(track, view=view), fresh=True)
        if track.last.frame == track.anchor.frame:
            return fresh
        state = self._remember(track.last, view, fresh.state, conditioning=False)
        return replace(fresh, state=state)

    def anchored(self, track: Track, *, fresh: bool = False) -> Track:
        """Return the track with its anchor remembered as if it lay where the object is now.

        A memory that has been shifted out of the window tells nothing any more, while the
        object's look on the prompted frame stays the best there is.
        """
        view = self._around_anchor(track)
        state = self._remember(
            track.anchor, view, None if fresh else track.state, conditioning=True
        )
        return replace(track, state=state, drift=(0, 0))

    def _moves(self, track: Track, view: View) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the step to a window of the same scale, and the drift with it, in tokens."""
        dy, dx = self.placement.tokens_between(track.view, view)
        return (dy, dx), (track.drift[0] + dy, track.drift[1] + dx)

    def _far(self, drift: tuple[int, int]) -> bool:
        return max(map(abs, drift)) > self.placement.tokens // 2

    def _remember(
        self, seen: FrameMask, view: View, state: TrackState | None, *, conditioning: bool
    ) -> TrackState:
        encoder = self.encoder
        encoding = encoder.encode(encoder.stack.index(seen.frame), view)
        logits = [encoder.mask_to_view(view, seen.patch)]
        states = encoder.predictor.add_masks(
            encoding, seen.frame, logits, [state], conditioning=conditioning
        )
        return states[0]

    def _around_anchor(self, track: Track) -> View:
        box = track.anchor.patch.box
        if not track.view.zoomed or box is None:
            return track.view
        (dy, dx), pitch = _centres_apart(track.box, box), self.placement.pitch(track.view.side)
        window = track.view.window.shift(round(dy / pitch) * pitch, round(dx / pitch) * pitch)
        return replace(track.view, window=window)


def _of_one_scale(first: View, second: View) -> bool:
    return first.zoomed and second.zoomed and first.side == second.side


def _centres_apart(first: Window, second: Window) -> tuple[float, float]:
    dy = (second.y0 + second.y1 - first.y0 - first.y1) / 2
    dx = (second.x0 + second.x1 - first.x0 - first.x1) / 2
    return dy, dx
