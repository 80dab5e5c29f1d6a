from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam2.export import tiff as label_tiff
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.tiff import write_label_tiff
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import open_stack
from napari_sam2.prompts.io import load_prompts
from tests.helpers.label_outputs import calibrated, stack_of, write


def test_tiff_is_calibrated(tmp_path):
    stack = calibrated(stack_of((3, 2, 31, 60)), ("s", "µm", "µm"))
    output = OutputDestination.parse(tmp_path / "out.tif")
    write(output, stack)
    again = open_stack(output.path)
    assert (again.axes, again.scale) == ("TYX", stack.scale)
    assert again.units == ("second", "micrometer", "micrometer")
    with tifffile.TiffFile(output.path) as file:
        assert not file.is_bigtiff
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(1e4 / 0.5)


def test_tiff_becomes_big_when_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(label_tiff, "_MAX_CLASSIC", 1000)
    monkeypatch.setattr(label_tiff, "_MAX_MEMORY", 700 * 2 * 20)
    labels = np.random.default_rng(0).integers(0, 9, (3, 700, 600)).astype(np.uint16)
    write_label_tiff(tmp_path / "o.tif", labels, "TYX", Calibration())
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "o.tif"), labels)
    with tifffile.TiffFile(tmp_path / "o.tif") as file:
        assert file.is_bigtiff
        assert file.pages.first.is_tiled


def test_failed_tiff_leaves_the_old_one(tmp_path):
    class Broken:
        shape, dtype = (3, 30, 40), np.dtype(np.uint16)

        def __getitem__(self, key):
            raise OSError("chunk is gone")

    path = tmp_path / "o.tif"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="chunk is gone"):
        write_label_tiff(path, Broken(), "TYX", Calibration())
    assert [p.name for p in tmp_path.iterdir()] == ["o.tif"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("shape", [(1, 4, 30, 40), (5, 1, 30, 40), (1, 1, 30, 40), (5, 4, 30, 40)])
def test_sizes_are_kept_beside_axes_of_length_1(tmp_path, shape):
    units = ("minute", *("micrometer",) * 3)
    calibration = Calibration.of("TZYX", (5, 2, 0.5, 0.25), units, origin=(10, 7, 0, -3))
    labels = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint16)
    write_label_tiff(tmp_path / "o.tif", labels, "TZYX", calibration)
    found = open_stack(tmp_path / "o.tif")
    np.testing.assert_array_equal(np.squeeze(labels), tifffile.imread(tmp_path / "o.tif"))
    for axis in found.axes:
        ours, theirs = found.calibration.step(axis), calibration.step(axis)
        assert (ours.size, ours.unit) == (theirs.size, theirs.unit)
        assert ours.origin == pytest.approx(theirs.origin)


def test_labels_without_an_axis_of_length_1_are_prompts_of_the_image(tmp_path):
    stack = open_stack(np.zeros((5, 1, 30, 40), np.uint8), axes="TZYX")
    labels = np.zeros(stack.label_shape, np.uint16)
    labels[2, 0, 4:9, 5:8] = 3
    calibration = Calibration.of("TZ", (5, 2), ("second", "micrometer"))
    write_label_tiff(tmp_path / "o.tif", labels, "TZYX", calibration)
    (prompt,) = load_prompts(tmp_path / "o.tif", stack)
    assert (prompt.object_id, prompt.frame, prompt.offset) == (3, 2, (4, 5))
