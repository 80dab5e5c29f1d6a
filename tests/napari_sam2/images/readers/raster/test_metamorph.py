"""MetaMorph index files: channels, positions and times of their TIFF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

WAVES, POSITIONS, TIMES = ("DAPI", "GFP"), 2, 3


def write(folder: Path, times: int = TIMES, suffix: str = ".TIF") -> tuple[Path, np.ndarray]:
    """Write an acquisition; its index states three times. Return it and pixels (s, t, c, y, x)."""
    pixels = noise((POSITIONS, times, len(WAVES), 8, 9))
    for s, t, c in np.ndindex(pixels.shape[:3]):
        name = f"cells 1_w{c + 1}{WAVES[c]}_s{s + 1}_t{t + 1}{suffix}"
        tifffile.imwrite(folder / name, pixels[s, t, c])
    tifffile.imwrite(folder / f"cells 2_w1DAPI_s1_t1{suffix}", pixels[0, 0, 0])
    fields = {
        "NDInfoFile": "Version 1.0",
        "DoTimelapse": "TRUE",
        "NTimePoints": TIMES,
        "DoStage": "TRUE",
        "NStagePositions": POSITIONS,
        "DoWave": "TRUE",
        "NWavelengths": len(WAVES),
        **{f"WaveName{number}": f'"{wave}"' for number, wave in enumerate(WAVES, start=1)},
        "DoZSeries": "FALSE",
    }
    index = folder / "cells 1.nd"
    index.write_text("".join(f'"{key}", {value}\r\n' for key, value in fields.items()))
    return index, pixels


def test_files_are_times_channels_and_positions(tmp_path: Path) -> None:
    index, pixels = write(tmp_path)
    stack = open_stack(index, scene="s2")
    assert (stack.axes, stack.full_shape) == ("TCYX", pixels.shape[1:])
    assert stack.source.channel_names == WAVES
    assert not any("exist" in note for note in stack.notes)
    for time in range(TIMES):
        np.testing.assert_array_equal(stack.read((time,)), pixels[1, time])
    assert any("holds 2 images" in note for note in open_stack(index).notes)


def test_files_that_are_missing_are_counted(tmp_path: Path) -> None:
    index, _ = write(tmp_path, times=2)
    stack = open_stack(index)
    assert stack.n_frames == 2
    assert any("states 12 files, but 8 exist" in note for note in stack.notes)


def test_an_index_without_files_is_refused(tmp_path: Path) -> None:
    index, _ = write(tmp_path, suffix=".raw")
    with pytest.raises(UserError, match=r"files .* are missing"):
        open_stack(index)


def test_slices_have_the_distance_of_the_index(tmp_path: Path) -> None:
    for number in range(2):
        path = tmp_path / f"a_t{number + 1}.STK"
        tifffile.imwrite(path, noise((3, 8, 9)), ome=True, metadata={"axes": "ZYX"})
    text = '"DoTimelapse", TRUE\n"NTimePoints", 2\n"ZStepSize", 0.5\n'
    (tmp_path / "a.nd").write_text(text)
    stack = open_stack(tmp_path / "a.nd")
    assert (stack.axes, stack.calibration.step("Z").size) == ("TZYX", 0.5)
