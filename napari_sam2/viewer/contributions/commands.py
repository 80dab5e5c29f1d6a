"""Commands for scripts and macros: a viewer in, its session out; the widget shares it."""

from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.viewer.layer_sync import find_sync

if TYPE_CHECKING:
    import napari

    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.tracking.plan import PropagationRequest
    from napari_sam2.viewer.layer_sync import LayerSync


def start_session(
    viewer: "napari.viewer.Viewer",
    *,
    model: "Predictor | str" = "micro",
    device: str = "auto",
    along: str | None = None,
) -> "SegmentationSession":
    """Start on the active image layer, or return the session that the viewer has.

    Parameters
    ----------
    viewer : napari.Viewer
        Layers for prompts, drafts and results are added to it.
    model : Predictor or str
        The model, or its name.
    device : str
        Where it runs.
    along : str or None
        The propagated axis; None takes t, else z.

    Returns
    -------
    SegmentationSession
        Of the position that the viewer shows; points added to the viewer become its prompts.

    Raises
    ------
    UserError
        If the viewer has no image, or it cannot be segmented.
    """
    from napari.layers import Image

    from napari_sam2.masks.label_array import DraftAndResultLabels
    from napari_sam2.session.session_group import SessionGroup
    from napari_sam2.viewer.image_layers import intensity_from_layers, stack_from_layers
    from napari_sam2.viewer.layer_sync import LayerSync

    plain = getattr(viewer, "__wrapped__", viewer)
    existing = find_sync(plain)
    if existing is not None:
        return existing.session
    images = [layer for layer in plain.layers if isinstance(layer, Image)]
    if not images:
        raise UserError("The viewer has no image layer: open an image first.")
    active = plain.layers.selection.active
    image = active if active in images else images[0]
    stack = stack_from_layers([image], along=along, dims_labels=tuple(plain.dims.axis_labels))
    predictor = _load(model, device)
    labels = DraftAndResultLabels.make(stack)
    return LayerSync(
        plain, [image], SessionGroup(stack, predictor, intensity_from_layers([image]), labels)
    ).session


def propagate(
    viewer: "napari.viewer.Viewer", request: "PropagationRequest | None" = None
) -> "SegmentationSession":
    """Answer the prompts of a viewer and follow them; returns when all is done.

    Parameters
    ----------
    viewer : napari.Viewer
        With a session.
    request : PropagationRequest or None
        Which objects, ways and frames; None for all.

    Raises
    ------
    UserError
        If the viewer has no session or no prompts.
    """
    sync = _sync(viewer)
    for _ in sync.session.propagate(request):
        pass
    sync.refresh()
    return sync.session


def accept_all(viewer: "napari.viewer.Viewer") -> "SegmentationSession":
    """Move all drafts of a viewer to its results.

    Raises
    ------
    UserError
        If the viewer has no session.
    """
    sync = _sync(viewer)
    for object_id in sync.sessions.masks.objects():
        sync.session.accept(object_id)
    sync.refresh()
    return sync.session


def _sync(viewer: "napari.viewer.Viewer") -> "LayerSync":
    found = find_sync(getattr(viewer, "__wrapped__", viewer))
    if found is None:
        raise UserError("The viewer has no session: call start_session(viewer) first.")
    return found


def _load(model: "Predictor | str", device: str) -> "Predictor":
    if not isinstance(model, str):
        return model
    from napari_sam2.inference.sam2_predictor import load_predictor

    return load_predictor(model, device)
