"""What a viewer's layers and sessions tell a widget or a script."""

from __future__ import annotations

from psygnal import Signal, SignalGroup


class SyncEvents(SignalGroup):
    """What a widget or a script listens to; sent from the thread that changed a layer."""

    asked = Signal(object)
    """A key (position, object id, frame) whose mask is to be computed."""
    current = Signal(int)
    """Another object is in work, or the sign of the next click changed."""
    objects = Signal()
    """Objects, prompts or masks changed."""
    notice = Signal(str)
    """Plain words for the user."""
    lost = Signal(str)
    """The image is gone or has changed; the words say how."""
    withdrawn = Signal(object)
    """A key of which nothing is to be computed any more."""
    made = Signal(object, object)
    """Role and layer of ours that was added to the viewer, e.g. again after it was deleted."""
