"""A run that is killed at a random moment, in a process of its own, and resumed from disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.database import Database, MaskTable
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.storage.journal import SqliteJournal
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, movie, straight

PATHS = [straight((30, 20), (1, 3), 20), straight((90, 100), (-1, -2), 20)]


def run(folder: Path, *, resume: bool, die_after: int | None = None) -> SegmentationSession:
    """Propagate into a folder; die the hard way after some results."""
    stack = open_stack(movie((128, 160), PATHS), axes="TYX")
    path = folder / "labels.zarr"
    database = Database(folder / "run.sqlite")
    session = SegmentationSession(
        stack,
        FakePredictor(image_size=64, token_stride=4),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=PromptStore(
            [click(1, 2, PATHS[0]), click(1, 15, PATHS[0]), click(2, 10, PATHS[1])]
        ),
        masks=SqliteMaskStore(database),
        drafts=SqliteMaskStore(database, MaskTable.DRAFTS),
        labels=LabelArray.open(path, stack) if path.exists() else LabelArray.create(path, stack),
        settings=SessionSettings(view=ViewPolicy.parse("zoom:48"), checkpoint_every=3),
        journal=SqliteJournal(database),
    )
    for number, _ in enumerate(session.propagate(resume=resume)):
        if number == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
    return session


@pytest.mark.parametrize("die_after", [1, 26, 44])
def test_kill_then_resume_gives_identical_labels_masks_and_scores(tmp_path, die_after):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = run(whole, resume=False)
    code = (
        f"import sys; from pathlib import Path; from {__name__} import run;"
        f"run(Path(sys.argv[1]), resume=False, die_after={die_after})"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", code, str(killed)], check=False, cwd=root)
    assert done.returncode == -signal.SIGKILL
    resumed = run(killed, resume=True)
    np.testing.assert_array_equal(resumed.labels.array[...], expected.labels.array[...])
    assert resumed.scores.rows() == expected.scores.rows()
    for object_id in (1, 2):
        for index in expected.masks.indices(object_id):
            assert resumed.masks.get(object_id, index) == expected.masks.get(object_id, index)
