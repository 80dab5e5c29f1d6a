"""One action of the user, to which changes of several threads belong."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam2.session.history.edit_keys import EditedPlace


@dataclass(eq=False)
class EditToken:
    """One action of the user; all its edits belong to one step, whichever thread makes them.

    Parameters
    ----------
    title : str
        What the action does, e.g. ``"Accept object 3"``.
    place : EditedPlace
        Where it is made.
    """

    title: str
    place: EditedPlace = field(default_factory=EditedPlace)
    action: int = 0
    """Its number in the log of actions; 0 before its first change."""
    steps: list[int] = field(default_factory=list)
    """Numbers of its steps: one, and more where a later action changed the same values."""
    open: int = 0
    """How many blocks are still open."""
