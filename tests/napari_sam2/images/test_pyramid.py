from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import zarr

from napari_sam2 import open_session
from napari_sam2.cli.console import ExitCode
from napari_sam2.images import pyramid
from napari_sam2.images.stack import open_stack
from napari_sam2.inference import sam2_predictor as loading
from tests.helpers.command import RunFiles, point
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, movie, straight

PATH = straight((60, 60), (3, 4), 3)
DATA = movie((128, 160), [PATH], radius=10)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """An array of which one chunk holds everything."""
    monkeypatch.setattr(pyramid, "LARGE_CHUNK_BYTES", DATA.nbytes - 1)
    monkeypatch.setattr(pyramid, "RECOMMENDED_CHUNK_SIDE", 64)
    zarr.create_array(tmp_path / "large.zarr", data=DATA, chunks=DATA.shape)
    return tmp_path / "large.zarr"


def test_the_warning_gives_the_chunks_and_a_command_that_works(large):
    notes = open_stack(large, axes="TYX").notes
    assert len(notes) == 1
    assert "large.zarr are large (3 x 128 x 160, 0 MB)" in notes[0]
    code = re.search(r'python -c "(.*)"', notes[0]).group(1)
    subprocess.run([sys.executable, "-c", code], cwd=large.parent, check=True)
    better = zarr.open_array(large.parent / "large-rechunked.zarr", mode="r")
    assert better.chunks == (1, 64, 64)
    np.testing.assert_array_equal(better[...], DATA)
    assert not open_stack(large.parent / "large-rechunked.zarr", axes="TYX").notes


def test_a_session_reports_it_once_when_work_begins(large):
    session = open_session(
        str(large), [click(1, 0, PATH)], axes="TYX", along="t", model=FakePredictor()
    )
    heard = []
    session.events.notice.connect(heard.append)
    session.preview(1, 0)
    list(session.propagate())
    assert [note for note in heard if "large" in note] == heard == list(session.stack.notes)


def test_the_command_line_prints_it(large, monkeypatch, capfd):
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    place = RunFiles(large.parent)
    asked = point(1, 0)
    asked["points"][0]["yx"] = PATH[0].tolist()
    place.write_prompts([asked])
    assert place.segment("--axes", "TYX", source=large) == ExitCode.DONE
    assert "The chunks of large.zarr are large" in capfd.readouterr().err


def test_other_inputs_get_the_recommended_chunks(large):
    array = zarr.open_array(large, mode="r")
    (note,) = open_stack(array, axes="TYX").notes
    assert note.endswith("save it as Zarr with chunks of 1 x 64 x 64.")
