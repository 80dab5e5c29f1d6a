"""What jobs on images have in common: files, axes, model, and what is searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.candidates.candidate import CandidateLimits
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_MODEL
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack


@dataclass(frozen=True, kw_only=True)
class ImageJob:
    """The inputs, the model, the search options and the output of a job.

    Parameters
    ----------
    source : str, Path or sequence of them
        File, folder or URL of the images, or several images that are the frames of one stack, see
        :func:`napari_sam2.open_stack`.
    output : Path
        The file or folder to write.
    prompts : Path or None
        A .json or .csv file of prompts, or a label image.
    model : str or Path
        A model name or a weights file, see :func:`napari_sam2.load_predictor`.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or the address of a dask
        scheduler, see :func:`napari_sam2.inference.model_catalog.predictor_of`.
    dtype : str or None
        Number format, see :func:`napari_sam2.open_session`; None uses that of the run that is
        resumed, else ``"auto"``.
    input_size : int or None
        Side of the model's square input in pixels; None uses that of the run that is resumed, else
        that of the model's training.
    axes : str or None
        One letter per dimension, e.g. ``"TCZYX"``; None uses the axes that the file specifies.
    along : str or None
        The axis of the frames; None uses the axis of the prompts, else t, else z.
    at : sequence of str
        Positions on the other axes, e.g. ``("z=3",)``.
    channels : sequence of int or None
        Channels shown to the model; None uses all.
    scene : str, int or None
        Name or number of the image in a file of several; None opens the default one.
    contrast : (float, float) or None
        Values shown as black and as white; None chooses them from a sample of the data.
    window : str or None
        Name of a CT window, in place of ``contrast``; ``"auto"`` is the window that the file
        states, else soft tissue if the values are those of a CT.
    text_model : str
        What finds boxes by text, see
        :func:`napari_sam2.inference.text_detector.load_text_detector`.
    limits : CandidateLimits
        Which candidates of a search are kept.
    diameter : float or None
        Expected diameter of what is searched for, in pixels; None measures it.
    overwrite : bool
        Delete an earlier output first.
    """

    source: str | Path | Sequence[str | Path]
    output: Path
    prompts: Path | None = None
    model: str | Path = AUTO_MODEL
    device: str = AUTO_DEVICE
    dtype: str | None = None
    input_size: int | None = None
    axes: str | None = None
    along: str | None = None
    at: Sequence[str] = ()
    channels: Sequence[int] | None = None
    scene: str | int | None = None
    contrast: tuple[float, float] | None = None
    window: str | None = None
    text_model: str = DEFAULT_TEXT_MODEL
    limits: CandidateLimits = field(default_factory=CandidateLimits)
    diameter: float | None = None
    overwrite: bool = False

    def open_stack(self, along: str | None = None) -> Stack:
        """Open the images.

        Parameters
        ----------
        along : str or None
            The axis of the frames if the job names none.

        Raises
        ------
        UserError
            If they cannot be read with these options.
        """
        return open_stack(
            self.source,
            axes=self.axes,
            along=self.along or along,
            at=self.at,
            channels=self.channels,
            scene=self.scene,
        )
