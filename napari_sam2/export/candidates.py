"""Labels and prompt files of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.candidates.candidate import Candidate
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.export.destination import OutputDestination, OutputKind
from napari_sam2.export.labels import create_label_output, discard_parts, finish_label_output
from napari_sam2.export.png import check_png_ids
from napari_sam2.images.input_files import check_outside

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

_JSON = ".json"


def check_candidate_output(
    path: Path, inputs: Sequence[Path], overwrite: bool
) -> OutputDestination | None:
    """Return where labels are written, or None for a prompt file.

    Parameters
    ----------
    path : Path
        Prompts if it ends in .json, otherwise labels.
    inputs : sequence of Path
        Files that are read, which the output must not replace.
    overwrite : bool
        Whether an earlier output is replaced.

    Raises
    ------
    UserError
        If the output cannot be written.
    """
    if _is_prompt_file(path):
        _check_prompt_file(path, inputs, overwrite)
        return None
    output = OutputDestination.parse(path)
    if overwrite:
        output.check_removable()
    else:
        output.check_free("or --overwrite it")
    output.check_apart(inputs)
    output.check_writable()
    return output


def _is_prompt_file(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(_JSON) and OutputKind.COCO.ending_of(name) is None


def _check_prompt_file(path: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    for read in inputs:
        check_outside(path, read)
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.parent}. Create it first.")
    if path.is_dir():
        raise UserError(f"{path} is a folder. Give a file.")
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists. Choose another file, or --overwrite it.")


def write_candidate_labels(
    output: OutputDestination,
    stack: Stack,
    frame: int,
    candidates: Sequence[Candidate],
    note: str,
    overwrite: bool,
) -> None:
    """Write candidates as labels 1, 2, ... of a frame; other frames are empty.

    Parameters
    ----------
    output : OutputDestination
        Where to write.
    stack : Stack
        The images.
    frame : int
        Position along the propagated axis.
    candidates : sequence of Candidate
        What was found.
    note : str
        What to state about the model, see :func:`finish_label_output`.
    overwrite : bool
        Whether an earlier output is replaced.
    """
    ids = range(1, len(candidates) + 1)
    if output.kind is OutputKind.PNG:
        check_png_ids(ids)
    if overwrite:
        output.remove()
    labels = create_label_output(output, stack, ids)
    plane = np.zeros(stack.shape, np.uint32)
    for number, candidate in zip(ids, candidates, strict=True):
        plane[candidate.crop.window.slices][candidate.crop.logits > 0] = number
    labels.write(stack.index(frame), Window.of(stack.shape), plane)
    finish_label_output(output, stack, labels, ids, note)
    discard_parts(output)
