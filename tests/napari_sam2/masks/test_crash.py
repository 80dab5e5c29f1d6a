"""A writer killed at a random moment leaves every journalled frame whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.database import Database, MaskTable
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.masks.store import MaskRecord
from napari_sam2.session.storage.journal import SqliteJournal

FRAMES, SHAPE = 100_000, (64, 80)
STACK = open_stack(np.broadcast_to(np.uint8(0), (FRAMES, *SHAPE)), axes="TYX")


def masks_of(frame):
    """The masks that frame has when it is complete."""
    random = np.random.default_rng(frame)
    return [
        MaskRecord.from_mask(n, (frame,), random.random((30, 40)) > 0.5, (n * 10, n * 10))
        for n in (1, 2)
    ]


def write_for_ever(folder):
    """Write frame after frame, after what the journal says."""
    database = Database(folder / "masks.sqlite")
    masks, journal = SqliteMaskStore(database), SqliteJournal(database)
    drafts = SqliteMaskStore(database, MaskTable.DRAFTS)
    exists = (folder / "labels.zarr" / "zarr.json").exists()
    labels = (LabelArray.open if exists else LabelArray.create)(folder / "labels.zarr", STACK)
    start = max((done.index[0] for done in journal.done()), default=-1) + 1
    for frame in range(start, FRAMES):
        drafts.put(masks_of(frame))
        masks.put(masks_of(frame))
        labels.refresh((frame,), Window.of(SHAPE), masks)
        journal.mark([1, 2], MaskOrigin.FORWARD, (frame,))
        journal.checkpoint(str(frame).encode() * 1000)
        sys.stdout.write(f"{frame}\n")
        sys.stdout.flush()


def kill_after(folder, frames, delay):
    """Start a writer, kill it without warning, and return the last frame that it reported."""
    root = Path(__file__).parents[3]
    writer = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    with writer:
        reported = [int(writer.stdout.readline()) for _ in range(frames)]
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        reported += [int(line) for line in writer.stdout if line.endswith("\n")]
    return reported[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_journalled_frames_survive_a_kill(tmp_path):
    random = np.random.default_rng()
    for _ in range(3):
        last = kill_after(tmp_path, int(random.integers(1, 12)), random.uniform(0, 0.02))
    database = Database(tmp_path / "masks.sqlite")
    masks, journal = SqliteMaskStore(database), SqliteJournal(database)
    drafts = SqliteMaskStore(database, MaskTable.DRAFTS)
    labels = LabelArray.open(tmp_path / "labels.zarr", STACK)
    done = {entry.index[0] for entry in journal.done()}
    assert done == set(range(max(done) + 1))
    assert max(done) >= last
    assert journal.last_checkpoint() in {str(n).encode() * 1000 for n in (last, max(done))}
    for frame in sorted(done):
        assert list(masks.at((frame,))) == masks_of(frame) == list(drafts.at((frame,)))
        fresh = LabelArray.create(None, STACK)
        fresh.refresh((frame,), Window.of(SHAPE), masks)
        np.testing.assert_array_equal(labels.read((frame,)), fresh.read((frame,)))
    database.close()


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))
