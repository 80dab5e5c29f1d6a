"""Signals about the layers and prompts of one viewer."""

from __future__ import annotations

from psygnal import Signal, SignalGroup


class SyncEvents(SignalGroup):
    """Signals for a widget or a script, emitted in the thread that changed a layer."""

    prompts_changed = Signal(object)
    """A PromptKey whose mask must be predicted."""
    prompts_withdrawn = Signal(object)
    """A PromptKey whose mask need not be predicted any more."""
    selection = Signal(int)
    """The id of the current object; also emitted when the sign of the next point changes."""
    clicked = Signal()
    """A point inside the current object was added."""
    objects = Signal()
    """Objects, prompts or masks changed."""
    notice = Signal(str)
    """A message for the user."""
    image_lost = Signal(str)
    """The image was removed or changed its shape; the message says which."""
    contrast = Signal()
    """The contrast limits, the gamma or the colors of an image layer changed."""
    layer_added = Signal(object, object)
    """The LayerRole and the layer that was added to the viewer, also after a deletion."""
