"""All prompts of one object on one frame, in pixels of the whole plane."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop


def _no_points() -> NDArray[np.float64]:
    return np.zeros((0, 2), dtype=np.float64)


def _no_labels() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


def no_point_inside(object_id: int, frame: int) -> UserError:
    """Return the error for an object that has only points outside on a frame."""
    return UserError(
        f"Object {object_id} has only clicks outside on frame {frame}, which do not show where it "
        "is. Add a click inside, a box or a mask there."
    )


@dataclass(frozen=True, slots=True)
class PlanePrompts:
    """All prompts of one object on one frame.

    Parameters
    ----------
    points : NDArray[np.float64]
        (N, 2) as (y, x); integers are pixel centers of the plane.
    labels : NDArray[np.int64]
        (N,), 1 inside, 0 outside the object.
    box : NDArray[np.float64] or None
        (2, 2) half-open pixel bounds [[y0, x0], [y1, x1]].
    mask : MaskCrop or None
        The object's mask, used as it is; points and box are then empty.
    previous : MaskCrop or None
        The object's earlier mask on this frame, which the points correct.
    """

    points: NDArray[np.float64] = field(default_factory=_no_points)
    labels: NDArray[np.int64] = field(default_factory=_no_labels)
    box: NDArray[np.float64] | None = None
    mask: MaskCrop | None = None
    previous: MaskCrop | None = None

    @property
    def has_mask(self) -> bool:
        """Whether there is a mask, given or to be corrected."""
        return self.mask is not None or self.previous is not None

    @property
    def empty(self) -> bool:
        """Whether there is neither a point nor a box nor a mask."""
        return self.mask is None and self.box is None and not len(self.points)

    @property
    def only_outside(self) -> bool:
        """Whether there is nothing but points outside the object."""
        return not (self.has_mask or self.box is not None or self.empty or len(self.inside))

    @property
    def trimmed(self) -> MaskCrop | None:
        """The earlier mask if there are only points outside, which remove pixels of it."""
        lone = self.mask is None and self.box is None and not len(self.inside)
        return self.previous if lone and len(self.points) else None

    @property
    def inside(self) -> NDArray[np.float64]:
        """The points inside the object, (N, 2) as (y, x)."""
        return self.points[self.labels == 1]

    @property
    def box_window(self) -> Window | None:
        """The smallest window of whole pixels that contains the box, or None."""
        if self.box is None:
            return None
        (y0, x0), (y1, x1) = np.floor(self.box[0]), np.ceil(self.box[1])
        return Window(int(y0), int(x0), int(y1), int(x1))

    @property
    def bounds(self) -> Window | None:
        """Approximate bounds of the object from its mask, box or earlier mask; None for points.

        An earlier mask that lies away from the new points is moved to them.
        """
        if self.mask is not None:
            return self.mask.box
        if self.box is not None:
            return self.box_window
        before = None if self.previous is None else self.previous.box
        if before is None or not self.moved:
            return before
        (height, width), points = before.shape, self.point_bounds
        y0, x0 = points.y0 - height // 2, points.x0 - width // 2
        return Window(y0, x0, y0 + height, x0 + width).union(points)

    @property
    def moved(self) -> bool:
        """Whether the points inside lie farther from the earlier mask than half its size."""
        before = None if self.previous is None else self.previous.box
        if before is None or not np.any(self.labels == 1):
            return False
        return not before.grow(max(before.shape) // 2).contains(self.point_bounds)

    @property
    def point_bounds(self) -> Window:
        """The smallest window that contains the points inside, or all if none is inside."""
        inside = self.inside if len(self.inside) else self.points
        (y0, x0), (y1, x1) = np.floor(inside.min(axis=0)), np.floor(inside.max(axis=0)) + 1
        return Window(int(y0), int(x0), int(y1), int(x1))


def cut_to_plane(prompts: PlanePrompts, shape: tuple[int, int], place: str) -> PlanePrompts:
    """Return prompts whose box and mask are cut at the edges of the plane.

    Parameters
    ----------
    prompts : PlanePrompts
        The prompts.
    shape : tuple of int
        Height and width of the plane, in pixels.
    place : str
        Object and frame for the message, e.g. ``"object 2 on frame 5"``.

    Raises
    ------
    UserError
        If a point, the whole box or the whole mask lies outside the plane.
    """
    points = prompts.points
    if np.any((points < -0.5) | (points > np.array(shape) - 0.5)):
        raise UserError(f"A click of {place} lies outside the image. Click inside the image.")
    box, mask = prompts.box, prompts.mask
    if box is not None:
        box = np.clip(box, 0, shape)
        if np.any(box[0] >= box[1]):
            raise UserError(f"The box of {place} lies outside the image. Draw it on the image.")
    if mask is not None and not Window.of(shape).contains(mask.window):
        window = mask.window.clip(shape)
        if window.empty:
            raise UserError(f"The mask of {place} lies outside the image. Draw it on the image.")
        mask = MaskCrop(window, np.ascontiguousarray(mask.part(window)))
    return replace(prompts, box=box, mask=mask)


@dataclass(frozen=True, slots=True)
class RunPrompts:
    """The prompts of a propagation, fixed when it starts.

    Parameters
    ----------
    prompts : Mapping
        The prompts of each (object id, frame).
    """

    prompts: Mapping[tuple[int, int], PlanePrompts]

    def get(self, object_id: int, frame: int) -> PlanePrompts:
        """Return the prompts of an object on a frame; KeyError if there are none."""
        return self.prompts[object_id, frame]

    def check(self) -> None:
        """Raise an error for an object that has only points outside on a frame.

        Raises
        ------
        UserError
            Names the object and the frame.
        """
        for (object_id, frame), prompts in sorted(self.prompts.items(), key=lambda item: item[0]):
            if prompts.only_outside:
                raise no_point_inside(object_id, frame)

    def digest(self, context: str) -> str:
        """Return the SHA-256 hash of the prompts and of ``context``, which identifies a run."""
        digest = hashlib.sha256(context.encode())
        for (object_id, frame), prompts in sorted(self.prompts.items(), key=lambda item: item[0]):
            digest.update(f"|{object_id} {frame}|".encode())
            digest.update(prompts.points.tobytes() + prompts.labels.tobytes())
            digest.update(b"" if prompts.box is None else prompts.box.tobytes())
            for crop in (prompts.mask, prompts.previous):
                if crop is not None:
                    digest.update(str(crop.window).encode() + crop.logits.tobytes())
        return digest.hexdigest()
