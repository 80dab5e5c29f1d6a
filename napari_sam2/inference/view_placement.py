"""Where windows lie: sized by the object, following it, shared by neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.view import View, ViewMode, ViewPolicy

# Of a 1024 pixel input.
_MANY_TOKENS = 64


@dataclass(frozen=True, slots=True)
class ViewSizing:
    """How close the model looks: shares of a side, the same for every model and plane.

    Parameters
    ----------
    small : float
        An object below this share of the plane is zoomed; 1/16 is 64 pixels of a 1024 input.
    share : float
        The share of its window's side that an object should span.
    wide_share, magnified : float
        The share of an object that would be magnified more than so many times to span ``share``:
        its pixels tell no more, while its surroundings do.
    share_tokens : float
        An object should span so many memory tokens, too, if it takes a larger share: small
        inputs draw it by too few of them otherwise.
    largest, smallest : float
        An object above or below these shares of its window gets another one.
    least_tokens : float
        Where the whole plane is shrunk to an input below 1024 pixels, an object that spans fewer
        memory tokens is zoomed too, or it would be drawn by too few.
    most_pixels : int
        A window of more pixels is read coarsely even where there is no pyramid.

    Raises
    ------
    UserError
        If the shares do not rise from ``smallest`` over ``share`` to ``largest`` < 1, or if
        ``wide_share`` or ``magnified`` is not above 0.
    """

    small: float = 1 / 16
    share: float = 0.3
    wide_share: float = 0.2
    magnified: float = 3.0
    share_tokens: float = 0.0
    largest: float = 1 / 2
    smallest: float = 1 / 14
    least_tokens: float = 5.0
    most_pixels: int = 64 * 1024**2

    def __post_init__(self) -> None:
        if not 0 < self.smallest < self.share < self.largest < 1:
            raise UserError(
                f"An object's share of its window must be between its bounds: {self.smallest:g} "
                f"< {self.share:g} < {self.largest:g} < 1 does not hold."
            )
        if min(self.wide_share, self.magnified) <= 0:
            raise UserError(
                f"A wide window's share ({self.wide_share:g}) and the most that an object is "
                f"magnified ({self.magnified:g}) must be above 0."
            )

    @property
    def plausible(self) -> float:
        """A mask that spans less than this share of a first look is as likely dust."""
        return self.small / 2

    def share_of(self, tokens: int) -> float:
        """Return the share of its window that an object should span, for a model's input."""
        # Halfway to the bound, an object has room to grow before its window must change.
        roomy = max(self.share, (self.share + self.largest) / 2)
        return min(max(self.share, self.share_tokens / tokens), roomy)

    def small_below(self, tokens: int) -> float:
        """Return the share of a shrunk plane below which an object is zoomed."""
        return self.small if tokens >= _MANY_TOKENS else max(self.small, self.least_tokens / tokens)


@dataclass(frozen=True, slots=True)
class ViewPlacement:
    """Sizes and places of windows on planes of one shape for one model.

    All windows of one side lie on one grid whose pitch is a memory token, so that any two of
    them differ by whole tokens and a track may pass from one to the other with its memory.

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
        How windows are chosen.
    sizes : ViewSizing
        How close the model looks.
    """

    shape: tuple[int, int]
    levels: tuple[int, ...]
    image_size: int
    token_stride: int
    policy: ViewPolicy
    sizes: ViewSizing = ViewSizing()

    @property
    def tokens(self) -> int:
        """Memory tokens along a side."""
        return self.image_size // self.token_stride

    @property
    def share(self) -> float:
        """The share of its window that an object should span."""
        return self.sizes.share_of(self.tokens)

    def pitch(self, side: int) -> int:
        """Plane pixels per memory token in a window of ``side``."""
        return side // self.tokens

    @property
    def full(self) -> View:
        """The whole plane."""
        scale = min(self.shape) / self.image_size
        return View.full(self.shape, self._factor(self.shape, scale))

    def first_side(self, box: Window) -> int | None:
        """Return the side for an object with these bounds, or None for the full plane."""
        if self.policy.mode is ViewMode.FULL:
            return None
        if self.policy.pixels is not None:
            side = max(ceil(self.policy.pixels / self.tokens), 1) * self.tokens
            return self.later_side(side, box)
        if self.policy.mode is ViewMode.AUTO and self._share_of_plane(box) >= self._small:
            return None
        return self._unless_full(self.side_around(box), box)

    def side_around(self, box: Window) -> int:
        """Return the side of a window in which an object spans the usual share."""
        extent, wide = max(box.shape), min(self.sizes.wide_share, self.share)
        return self.side_for(
            max(extent / self.share, min(extent / wide, self.image_size / self.sizes.magnified))
        )

    def close_enough(self, box: Window, side: int) -> bool:
        """Return whether an object spans two fifths of the usual share, and not too much."""
        return 0.4 * self.share <= max(box.shape) / side <= self.sizes.largest

    def side_for(self, pixels: float) -> int:
        """Return the smallest side on the ladder (1, 2, 3, 4, 6, 8, 12, ...) of ``pixels``."""
        pitch = max(ceil(pixels / self.tokens), 1, self.token_stride // 8)
        power = 1 << (pitch - 1).bit_length()
        return self.tokens * (power * 3 // 4 if power >= 4 and power * 3 // 4 >= pitch else power)

    def later_side(self, side: int, box: Window) -> int | None:
        """Return the side for an object in a window of ``side``: mostly the same one."""
        extent = max(box.shape)
        if extent > self.sizes.largest * side:
            return self._unless_full(self.side_around(box), box)
        if self.policy.pixels is None and extent < self.sizes.smallest * side:
            return min(side, self.side_around(box))
        return self._unless_full(side, box)

    def wider(self, view: View) -> View:
        """Return a view of twice the side around the same centre, at most the full plane."""
        side = self.side_for(2 * view.side)
        return self.full if side >= max(self.shape) else self.place(view.window, side)

    def place(self, box: Window, side: int) -> View:
        """Return the view of ``side`` centred on ``box``, shifted to lie on the plane."""
        pitch = self.pitch(side)
        y = _place(box.y0 + box.y1, side, pitch, self.shape[0])
        x = _place(box.x0 + box.x1, side, pitch, self.shape[1])
        factor = self._factor((side, side), side / self.image_size, pitch)
        return View(Window(y, x, y + side, x + side), True, factor)

    def need(self, box: Window, motion: tuple[float, float], side: int) -> Window:
        """Return what a window of ``side`` must hold: the box where it is heading, and a margin."""
        extent = max(box.shape)
        dy, dx = round(motion[0]), round(motion[1])
        margin = max(ceil(extent / 4), abs(dy), abs(dx)) + self.pitch(side)
        room = (side - self.pitch(side) - extent) // 2
        return box.shift(dy, dx).grow(max(min(margin, room), 0)).clip(self.shape)

    def tokens_between(self, old: View, new: View) -> tuple[int, int]:
        """Return how far ``new`` lies from ``old`` in memory tokens; both of one side."""
        pitch = self.pitch(old.side)
        dy, dx = new.window.y0 - old.window.y0, new.window.x0 - old.window.x0
        return dy // pitch, dx // pitch

    def _factor(self, shape: tuple[int, int], scale: float, pitch: int = 0) -> int:
        """Return the level that fits the scale, or blocks that keep a huge window in bounds."""
        fitting = [f for f in self.levels if f <= scale and pitch % f == 0]
        factor = max(fitting, default=1)
        while shape[0] * shape[1] > self.sizes.most_pixels * factor**2:
            factor *= 2
        return factor

    @property
    def _small(self) -> float:
        shrunk = max(self.shape) > self.image_size
        return self.sizes.small_below(self.tokens) if shrunk else self.sizes.small

    def _share_of_plane(self, box: Window) -> float:
        height, width = box.shape
        return sqrt((height / self.shape[0]) * (width / self.shape[1]))

    def _unless_full(self, side: int, box: Window) -> int | None:
        large = max(box.shape) > self.sizes.largest * min(side, max(self.shape))
        return None if side >= max(self.shape) or large else side


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """What one object asks of its window.

    Parameters
    ----------
    object_id : int
        Who asks.
    need : Window
        What the window must hold.
    side : int
        How large it is.
    before : View or None
        The window on the frame before.
    """

    object_id: int
    need: Window
    side: int
    before: View | None = None


def share_views(wanted: Sequence[ViewRequest], placement: ViewPlacement) -> dict[int, View]:
    """Give every object a window, and neighbours the same one.

    Windows of the frame before are kept while they hold what they must, because an unmoved
    window leaves the memory untouched; they are laid out afresh where that takes fewer.

    Parameters
    ----------
    wanted : Sequence of ViewRequest
        In the order of the object ids.
    placement : ViewPlacement
        Where windows may lie.

    Returns
    -------
    dict of int to View
        One view for each object id.
    """
    views: dict[int, View] = {}
    for side in sorted({item.side for item in wanted}):
        same = [item for item in wanted if item.side == side]
        kept = _keep(same, placement)
        fresh = _cover(same, placement)
        views |= kept if len(set(kept.values())) <= len(set(fresh.values())) else fresh
    return views


def _keep(wanted: Sequence[ViewRequest], placement: ViewPlacement) -> dict[int, View]:
    views = {
        item.object_id: item.before
        for item in wanted
        if item.before is not None
        and item.before.side == item.side
        and item.before.window.contains(item.need)
    }
    homeless = []
    for item in wanted:
        if item.object_id in views:
            continue
        home = _first_holding(item, views.values())
        if home is None:
            homeless.append(item)
        else:
            views[item.object_id] = home
    return views | _cover(homeless, placement)


def _first_holding(item: ViewRequest, views: Iterable[View]) -> View | None:
    return next((view for view in sorted(set(views)) if view.window.contains(item.need)), None)


def _cover(wanted: Sequence[ViewRequest], placement: ViewPlacement) -> dict[int, View]:
    views: dict[int, View] = {}
    left = sorted(wanted, key=lambda item: (item.need, item.object_id))
    while left:
        seed = left[0]
        members, union = [seed], seed.need
        for item in sorted(left[1:], key=lambda item: _distance(item.need, seed.need)):
            grown = union.union(item.need)
            if max(grown.shape) <= item.side - placement.pitch(item.side):
                members.append(item)
                union = grown
        view = placement.place(union, seed.side)
        views |= {item.object_id: view for item in members}
        left = [item for item in left if item.object_id not in views]
    return views


def _distance(first: Window, second: Window) -> int:
    dy = first.y0 + first.y1 - second.y0 - second.y1
    dx = first.x0 + first.x1 - second.x0 - second.x1
    return max(abs(dy), abs(dx))


def _place(twice_centre: int, side: int, pitch: int, length: int) -> int:
    start = round((twice_centre - side) / (2 * pitch)) * pitch
    if length <= side:
        return -((side - length) // (2 * pitch) * pitch)
    last = -(-(length - side) // pitch) * pitch
    return min(max(start, 0), last)
