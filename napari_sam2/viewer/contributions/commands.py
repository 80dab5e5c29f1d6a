"""Commands for scripts and macros: they take a viewer and return its session."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, BUNDLED, predictor_of
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.viewer.layer_sync import LayerSync

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari

    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.tracking.plan import PropagationRequest


def open_image(viewer: "napari.viewer.Viewer", path: str | Path) -> "list[napari.layers.Image]":
    """Open an image of any format that this package reads, as layers.

    Files are opened lazily, with axes, pixel sizes and units. Other plugins read TIFF and Zarr
    files too, so *File > Open* leaves these to them.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    path : str or Path
        A file, a folder or a URL.

    Returns
    -------
    list of Image
        The new layers, one for each channel.

    Raises
    ------
    UserError
        If the image cannot be opened.
    """
    from napari_sam2.viewer.contributions.reader import add_images

    return add_images(getattr(viewer, "__wrapped__", viewer), str(path))


def start_session(
    viewer: "napari.viewer.Viewer",
    *,
    model: "Predictor | str" = BUNDLED,
    device: str = AUTO_DEVICE,
    dtype: str = AUTO_DTYPE,
    input_size: int | None = None,
    along: str | None = None,
) -> "SegmentationSession":
    """Start a session on the active image layer, or return the session that the viewer has.

    The widget and scripts share the session.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer; layers for prompts, drafts and results are added to it.
    model : Predictor or str
        The model, or its name.
    device : str
        Device of a model given by name: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    dtype, input_size
        As in :func:`napari_sam2.open_session`.
    along : str or None
        The propagated axis, or ``"t,z"`` for a series of volumes; None selects t, else z.

    Returns
    -------
    SegmentationSession
        The session of the position that the viewer shows. Points added to the viewer become its
        prompts.

    Raises
    ------
    UserError
        If the viewer has no image layer, or its image cannot be segmented.
    """
    from napari.layers import Image

    from napari_sam2.viewer.image_layers import create_sessions, stack_from_layers

    plain = getattr(viewer, "__wrapped__", viewer)
    existing = LayerSync.find(plain)
    if existing is not None:
        return existing.session
    images = [layer for layer in plain.layers if isinstance(layer, Image)]
    if not images:
        raise UserError("The viewer has no image layer. Open an image first.")
    active = plain.layers.selection.active
    image = active if active in images else images[0]
    series, names = along == TIME_AND_DEPTH, tuple(plain.dims.axis_labels)
    stack = stack_from_layers([image], along="z" if series else along, dims_labels=names)
    sessions = create_sessions(stack, [image], predictor_of(model, device, dtype, input_size))
    sessions.series = series
    return LayerSync(plain, [image], sessions).session


def propagate(
    viewer: "napari.viewer.Viewer", request: "PropagationRequest | None" = None
) -> "SegmentationSession":
    """Propagate the prompts of a viewer's session, and return the session when all is done.

    The progress is shown in the activity dock of the window, and on the terminal without one.

    Parameters
    ----------
    viewer : napari.Viewer
        A viewer with a session.
    request : PropagationRequest or None
        Objects, direction and frames; None for all. Along t and z there is no range of frames.

    Raises
    ------
    UserError
        If the viewer has no session or the session has no prompt, or frames cannot be chosen.
    """
    from napari.utils import progress

    sync = _sync(viewer)
    session = sync.series if sync.sessions.series else sync.session
    results = _results(sync, request)
    with progress(desc="Propagating") as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        session.events.progress.connect(show)
        try:
            for _ in results:
                pass
        finally:
            session.events.progress.disconnect(show)
    sync.refresh()
    return sync.session


def _results(sync: LayerSync, request: "PropagationRequest | None") -> "Iterator[Any]":
    if not sync.sessions.series:
        return sync.session.propagate(request)
    if request is None:
        return sync.series.propagate()
    if request.frames is not None:
        raise UserError("A range of frames counts along one axis. Leave frames out along t and z.")
    return sync.series.propagate(request.objects, request.direction)


def accept_all(viewer: "napari.viewer.Viewer") -> "SegmentationSession":
    """Accept all objects of a viewer, and return the session.

    Raises
    ------
    UserError
        If the viewer has no session.
    """
    sync = _sync(viewer)
    with sync.sessions.history.step("Accept all objects"):
        for object_id in sync.sessions.masks.objects():
            sync.sessions.accept(sync.dims.fixed, object_id)
    sync.refresh()
    return sync.session


def _sync(viewer: "napari.viewer.Viewer") -> LayerSync:
    found = LayerSync.find(getattr(viewer, "__wrapped__", viewer))
    if found is None:
        raise UserError("The viewer has no session. Call start_session(viewer) first.")
    return found
