"""The prompts of a session, as a prompt file of a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import Prompt, PromptKey
from napari_sam2.session.storage.session_folder import SessionFolder

if TYPE_CHECKING:
    from napari_sam2.workflows.job import SegmentationJob


def write_session_prompts(session: Path, job: SegmentationJob, output: Path) -> SegmentationJob:
    """Write the prompts of a session to a file, and return the job with them.

    Parameters
    ----------
    session : Path
        The folder of the session.
    job : SegmentationJob
        The job of its image. It gets the axis, the channels, the scene and the position of the
        session; contrast, settings and model stay those of the job.
    output : Path
        The JSON file to write.

    Raises
    ------
    UserError
        If the session is in use or damaged, or has no prompts, or prompts on several positions.
    """
    folder = SessionFolder.open(session)
    try:
        description, prompts = folder.description, _by_position(folder)
    finally:
        folder.close()
    if len(prompts) != 1:
        problem = "prompts on several positions" if prompts else "no prompts"
        raise UserError(
            f"The session {session.name} has {problem}. A batch takes the prompts of one position: "
            "write them to a prompt file."
        )
    [(position, found)] = prompts.items()
    plane = [axis for axis in "zyx" if axis != description.along][-2:]
    height, width = (description.shape[description.axes.lower().index(axis)] for axis in plane)
    write_prompts_json(output, PromptStore(found, description.along), (height, width))
    return replace(
        job,
        prompts=output,
        along=description.along,
        channels=description.channels or job.channels,
        scene=description.scene if job.scene is None else job.scene,
        at=tuple(f"{axis}={value}" for axis, value in position),
    )


def _by_position(folder: SessionFolder) -> dict[FixedPosition, list[Prompt]]:
    found: dict[FixedPosition, list[Prompt]] = {}
    for key, prompts in folder.steps.values().items():
        if isinstance(key, PromptKey) and isinstance(prompts, tuple) and prompts:
            found.setdefault(key.position, []).extend(prompts)
    return found
