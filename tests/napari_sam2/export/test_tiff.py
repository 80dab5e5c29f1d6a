from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam2.export import tiff as label_tiff
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.tiff import write_label_tiff
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.stack import open_stack
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
