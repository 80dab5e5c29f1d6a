"""Placement of views: sized by the object, moved with it, and shared by neighboring objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View, ViewMode, ViewPolicy
from napari_sam2.inference.tuning import (
    MARGIN_SHARE,
    MAX_SHARE,
    MAX_VIEW_PIXELS,
    MIN_SHARE,
    MIN_TOKENS,
    SMALL_SHARE,
    TARGET_SHARE,
)

_LARGE_INPUT_TOKENS = 64
"""Memory tokens along a side of a 1024 pixel input, the size of the released models."""


@dataclass(frozen=True, slots=True)
class ViewPlacement:
    """Sizes and positions of views on planes of one shape for one model.

    All views of one side lie on a grid whose pitch is a memory token. Any two of them differ by
    whole tokens, so that a track can move from one to the other with its memory.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the plane.
    levels : tuple of int
        Factors of the pyramid levels; the first is 1.
    image_size : int
        Side of the model's input in pixels.
    token_stride : int
        Input pixels per memory token.
    policy : ViewPolicy
        Policy set by the user.
    """

    shape: tuple[int, int]
    levels: tuple[int, ...]
    image_size: int
    token_stride: int
    policy: ViewPolicy

    @property
    def tokens(self) -> int:
        """Number of memory tokens along a side."""
        return self.image_size // self.token_stride

    def pitch(self, side: int) -> int:
        """Return the plane pixels per memory token in a view of ``side``."""
        return side // self.tokens

    @property
    def full(self) -> View:
        """The whole plane."""
        scale = min(self.shape) / self.image_size
        return View.full(self.shape, self._factor(self.shape, scale))

    def first_side(self, box: Window) -> int | None:
        """Return the side of the first view of an object, or None for the whole plane."""
        if self.policy.mode is ViewMode.FULL:
            return None
        if self.policy.pixels is not None:
            side = max(ceil(self.policy.pixels / self.tokens), 1) * self.tokens
            return self.later_side(side, box)
        if self.policy.mode is ViewMode.AUTO and self._share_of_plane(box) >= self._small:
            return None
        return self._unless_full(self.side_around(box), box)

    def side_around(self, box: Window) -> int:
        """Return the side of a view in which an object spans the usual share."""
        return self.side_for(max(box.shape) / TARGET_SHARE)

    def side_for(self, pixels: float) -> int:
        """Return the smallest side on the ladder (1, 2, 3, 4, 6, 8, 12, ...) of ``pixels``."""
        pitch = max(ceil(pixels / self.tokens), 1, self.token_stride // 8)
        power = 1 << (pitch - 1).bit_length()
        return self.tokens * (power * 3 // 4 if power >= 4 and power * 3 // 4 >= pitch else power)

    def later_side(self, side: int, box: Window) -> int | None:
        """Return the side for an object whose view had ``side``, or None for the whole plane."""
        extent = max(box.shape)
        if extent > MAX_SHARE * side:
            return self._unless_full(self.side_around(box), box)
        if self.policy.pixels is None and extent < MIN_SHARE * side:
            return min(side, self.side_around(box))
        return self._unless_full(side, box)

    def wider(self, view: View) -> View:
        """Return a view of twice the side with the same center, at most the whole plane."""
        side = self.side_for(2 * view.side)
        return self.full if side >= max(self.shape) else self.place(view.window, side)

    def place(self, box: Window, side: int) -> View:
        """Return the view of ``side`` centered on ``box``, moved to lie on the plane."""
        pitch = self.pitch(side)
        y = _place(box.y0 + box.y1, side, pitch, self.shape[0])
        x = _place(box.x0 + box.x1, side, pitch, self.shape[1])
        factor = self._factor((side, side), side / self.image_size, pitch)
        return View(Window(y, x, y + side, x + side), True, factor)

    def need(self, box: Window, motion: tuple[float, float], side: int) -> Window:
        """Return what a view of ``side`` must contain: the box after its motion, with a margin."""
        extent = max(box.shape)
        dy, dx = round(motion[0]), round(motion[1])
        margin = max(ceil(extent * MARGIN_SHARE), abs(dy), abs(dx)) + self.pitch(side)
        room = (side - self.pitch(side) - extent) // 2
        return box.shift(dy, dx).grow(max(min(margin, room), 0)).clip(self.shape)

    def tokens_between(self, old: View, new: View) -> tuple[int, int]:
        """Return the shift from ``old`` to ``new``, of the same side, in memory tokens (y, x)."""
        pitch = self.pitch(old.side)
        dy, dx = new.window.y0 - old.window.y0, new.window.x0 - old.window.x0
        return dy // pitch, dx // pitch

    def _factor(self, shape: tuple[int, int], scale: float, pitch: int = 0) -> int:
        """Return the reduction of a view: a pyramid level, or more for huge views."""
        fitting = [f for f in self.levels if f <= scale and pitch % f == 0]
        factor = max(fitting, default=1)
        while shape[0] * shape[1] > MAX_VIEW_PIXELS * factor**2:
            factor *= 2
        return factor

    @property
    def _small(self) -> float:
        """Share of the plane below which an object gets a zoomed view."""
        shrunk = max(self.shape) > self.image_size
        if shrunk and self.tokens < _LARGE_INPUT_TOKENS:
            return max(SMALL_SHARE, MIN_TOKENS / self.tokens)
        return SMALL_SHARE

    def _share_of_plane(self, box: Window) -> float:
        height, width = box.shape
        return sqrt((height / self.shape[0]) * (width / self.shape[1]))

    def _unless_full(self, side: int, box: Window) -> int | None:
        large = max(box.shape) > MAX_SHARE * min(side, max(self.shape))
        return None if side >= max(self.shape) or large else side


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """The view that one object needs.

    Parameters
    ----------
    object_id : int
        The label value.
    need : Window
        The part of the plane that the view must contain.
    side : int
        Side of the view in plane pixels.
    before : View or None
        The view on the frame before.
    """

    object_id: int
    need: Window
    side: int
    before: View | None = None


def share_views(requests: Sequence[ViewRequest], placement: ViewPlacement) -> dict[int, View]:
    """Return a view for each object, the same for neighboring objects where possible.

    Views of the frame before are kept while they contain what they must, as memory then needs no
    shift; new ones are placed where fewer views suffice.

    Parameters
    ----------
    requests : Sequence of ViewRequest
        By object id.
    placement : ViewPlacement
        Sizes and positions of views.

    Returns
    -------
    dict of int to View
        The view of each object id.
    """
    views: dict[int, View] = {}
    for side in sorted({item.side for item in requests}):
        same = [item for item in requests if item.side == side]
        kept = _keep(same, placement)
        fresh = _cover(same, placement)
        views |= kept if len(set(kept.values())) <= len(set(fresh.values())) else fresh
    return views


def _keep(requests: Sequence[ViewRequest], placement: ViewPlacement) -> dict[int, View]:
    views = {
        item.object_id: item.before
        for item in requests
        if item.before is not None
        and item.before.side == item.side
        and item.before.window.contains(item.need)
    }
    unplaced = []
    for item in requests:
        if item.object_id in views:
            continue
        view = _first_holding(item, views.values())
        if view is None:
            unplaced.append(item)
        else:
            views[item.object_id] = view
    return views | _cover(unplaced, placement)


def _first_holding(item: ViewRequest, views: Iterable[View]) -> View | None:
    return next((view for view in sorted(set(views)) if view.window.contains(item.need)), None)


def _cover(requests: Sequence[ViewRequest], placement: ViewPlacement) -> dict[int, View]:
    """Return views of one side that contain all needs, each with as many as fit beside a seed."""
    views: dict[int, View] = {}
    items = sorted(requests, key=lambda item: (item.need, item.object_id))
    needs = np.array([astuple(item.need) for item in items], np.int64).reshape(-1, 4)
    left = np.arange(len(items))
    while left.size:
        seed = items[left[0]]
        room = seed.side - placement.pitch(seed.side)
        members, union = [int(left[0])], seed.need
        for number in _near(needs, left, room):
            grown = union.union(items[number].need)
            if max(grown.shape) <= room:
                members.append(number)
                union = grown
        view = placement.place(union, seed.side)
        views |= {items[number].object_id: view for number in members}
        left = np.setdiff1d(left, members, assume_unique=True)
    return views


def _near(needs: NDArray[np.int64], left: NDArray[np.int64], room: int) -> list[int]:
    """Return which of the other needs may share a view with the first one left, nearest first."""
    seed, others = needs[left[0]], needs[left[1:]]
    low, high = np.minimum(seed[:2], others[:, :2]), np.maximum(seed[2:], others[:, 2:])
    fits = (high - low).max(axis=1, initial=0) <= room
    middles = others[fits, :2] + others[fits, 2:] - (seed[:2] + seed[2:])
    order = np.argsort(np.abs(middles).max(axis=1, initial=0), kind="stable")
    near: list[int] = left[1:][fits][order].tolist()
    return near


def _place(twice_centre: int, side: int, pitch: int, length: int) -> int:
    start = round((twice_centre - side) / (2 * pitch)) * pitch
    if length <= side:
        return -((side - length) // (2 * pitch) * pitch)
    last = -(-(length - side) // pitch) * pitch
    return min(max(start, 0), last)
