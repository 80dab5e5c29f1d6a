"""Transfer of a track's memory to another view."""

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
    """Shifts memory between views of one scale, and rebuilds it where the scale changes.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    """

    encoder: ViewEncoder
    placement: ViewPlacement

    def to_view(self, track: Track, view: View) -> Track:
        """Return the track with its memory in another view."""
        if view == track.view:
            return track
        if not _same_scale(track.view, view):
            return self.rebuild(track, view)
        shift, drift = self._shift(track, view)
        state = self.encoder.predictor.shift_memory(track.state, shift)
        moved = replace(track, state=state, view=view, drift=drift)
        return self.refresh_anchor(moved) if self._too_far(drift) else moved

    def rebuild(self, track: Track, view: View) -> Track:
        """Return the track with a new memory in ``view``, of its anchor and its last mask."""
        fresh = self.refresh_anchor(replace(track, view=view), discard=True)
        if track.last.frame == track.anchor.frame:
            return fresh
        state = self._add_mask(track.last, view, fresh.state, conditioning=False)
        return replace(fresh, state=state)

    def refresh_anchor(self, track: Track, *, discard: bool = False) -> Track:
        """Return the track with its anchor's memory written again, at the object's position.

        Memory that was shifted out of the view has no effect, but the conditioning frame shows
        the object best. The anchor is therefore encoded in a view in which it lies where the
        object lies now in the track's view.

        Parameters
        ----------
        track : Track
            The track.
        discard : bool
            Whether to start from an empty memory.
        """
        view = self._view_of_anchor(track)
        before = None if discard else track.state
        state = self._add_mask(track.anchor, view, before, conditioning=True)
        return replace(track, state=state, drift=(0, 0))

    def _shift(self, track: Track, view: View) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the shift to a view of the same scale, and the drift after it, in tokens."""
        dy, dx = self.placement.tokens_between(track.view, view)
        return (dy, dx), (track.drift[0] + dy, track.drift[1] + dx)

    def _too_far(self, drift: tuple[int, int]) -> bool:
        return max(map(abs, drift)) > self.placement.tokens // 2

    def _add_mask(
        self, mask: FrameMask, view: View, state: TrackState | None, *, conditioning: bool
    ) -> TrackState:
        encoder = self.encoder
        embedding = encoder.encode(encoder.reader.index(mask.frame), view)
        logits = [encoder.mask_to_view(view, mask.crop)]
        states = encoder.predictor.add_masks(
            embedding, mask.frame, logits, [state], conditioning=conditioning
        )
        return states[0]

    def _view_of_anchor(self, track: Track) -> View:
        box = track.anchor.crop.box
        if not track.view.zoomed or box is None:
            return track.view
        (dy, dx), pitch = _center_shift(track.box, box), self.placement.pitch(track.view.side)
        window = track.view.window.shift(round(dy / pitch) * pitch, round(dx / pitch) * pitch)
        return replace(track.view, window=window)


def _same_scale(first: View, second: View) -> bool:
    return first.zoomed and second.zoomed and first.side == second.side


def _center_shift(first: Window, second: Window) -> tuple[float, float]:
    dy = (second.y0 + second.y1 - first.y0 - first.y1) / 2
    dx = (second.x0 + second.x1 - first.x0 - first.x1) / 2
    return dy, dx
