from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import create_label_output, finish_label_output, output_notes
from tests.helpers.label_outputs import calibrated, stack_of, write


def _read(path):
    """Return pixels, mode and metadata of an image."""
    with Image.open(path) as image:
        return np.asarray(image), image.mode, image.info


def test_pngs_are_read_by_pillow(tmp_path):
    stack = calibrated(stack_of((3, 31, 60), "ZYX"), ("micrometer",) * 3)
    output = OutputDestination.parse(tmp_path / "out.png")
    expected = write(output, stack)
    files = sorted(output.path.iterdir())
    assert [file.name for file in files] == [f"image_z{z:04d}.png" for z in range(3)]
    np.testing.assert_array_equal(np.stack([_read(file)[0] for file in files]), expected)
    per_micrometer = np.array(_read(files[0])[2]["dpi"]) / 25400
    np.testing.assert_allclose(1 / per_micrometer, (0.5, 0.25), rtol=1e-5)
    assert "along y and x only" in output_notes(output, stack)[0]


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_bit_depth_follows_the_ids(tmp_path, largest, dtype):
    stack, output = stack_of((30, 40), "YX"), OutputDestination.parse(tmp_path / "out.png")
    labels = create_label_output(output, stack, [largest])
    labels.array[3, 5] = largest
    finish_label_output(output, stack, labels, [largest])
    (file,) = output.path.iterdir()
    pixels, mode, _ = _read(file)
    assert pixels.astype(dtype).max() == largest
    assert (mode == "L") is (dtype is np.uint8)


def test_ids_above_16_bits_are_refused_before(tmp_path):
    output = OutputDestination.parse(tmp_path / "out.png")
    with pytest.raises(UserError, match="up to 65535"):
        create_label_output(output, stack_of((30, 40), "YX"), [65536])
    assert list(tmp_path.iterdir()) == []
