"""Positions of prompts on the axes that are not propagated, compared with that of a stack."""

from __future__ import annotations

from collections.abc import Mapping

from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import describe


def check_position(position: FixedPosition, geometry: LabelGeometry) -> None:
    """Raise an error for a position that is not that of a stack.

    Parameters
    ----------
    position : FixedPosition
        Position on axes that are neither propagated nor in the plane; axes may be left out. An
        axis that the stack lacks has the position 0 only.
    geometry : LabelGeometry
        The stack.

    Raises
    ------
    UserError
        Names the axis and both positions.
    """
    others = [a for a in geometry.label_axes.lower() if a not in geometry.plane]
    here = dict(zip(others, geometry.index(0), strict=True))
    for axis, place in position:
        if axis in geometry.plane:
            raise UserError(f"{axis} is an axis of the plane: give its position in yx.")
        if place != here.get(axis, 0):
            advice = f"Choose {axis}={place}" if axis in here else "Remove it"
            both = ", or follow objects along t,z" if {axis, geometry.along} == {"t", "z"} else ""
            raise UserError(
                f"it lies on {axis}={place}, not on {axis}={here.get(axis, 0)}. {advice}{both}."
            )


def prompts_here(
    stores: Mapping[FixedPosition, PromptStore], geometry: LabelGeometry
) -> PromptStore:
    """Return prompts as one store, after a check that all lie at the position of a stack.

    Raises
    ------
    UserError
        Names the first prompt that lies elsewhere.
    """
    first = next(iter(stores.values()))
    merged = PromptStore(axis=first.axis)
    merged.notes = first.notes
    for position, store in stores.items():
        try:
            check_position(position, geometry)
        except UserError as error:
            prompt = next(iter(store))
            raise UserError(f"{describe(prompt)} cannot be used: {error}") from error
        merged.add(*store)
    return merged
