from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_sam2.export.coco import run_lengths
from napari_sam2.export.destination import OutputDestination
from napari_sam2.images.stack import open_stack
from tests.helpers.label_outputs import calibrated, stack_of, write

mask_api = pytest.importorskip("pycocotools.mask")
# pycocotools 2.0.11 uses an interface of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_run_lengths_are_decoded_by_pycocotools(mask):
    encoded = mask_api.frPyObjects(
        {"size": list(mask.shape), "counts": run_lengths(mask)}, *mask.shape
    )
    np.testing.assert_array_equal(mask_api.decode(encoded).astype(bool), mask)


def test_annotations_are_read_by_pycocotools(tmp_path):
    from pycocotools.coco import COCO

    stack = calibrated(stack_of((3, 2, 31, 60)), ("second", "micrometer", "micrometer"))
    output = OutputDestination.parse(tmp_path / "out.coco.json")
    expected = write(output, stack)
    coco = COCO(output.path)
    found = np.zeros_like(expected)
    for annotation in coco.dataset["annotations"]:
        image = coco.imgs[annotation["image_id"]]
        mask = coco.annToMask(annotation).astype(bool)
        found[image["t"]][mask] = annotation["track_id"]
        rows, columns = np.nonzero(mask)
        x, y, width, height = annotation["bbox"]
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width - 1, y + height - 1) == (columns.max(), rows.max())
        assert annotation["area"] == mask.sum()
    np.testing.assert_array_equal(found, expected)
    names = [image["file_name"] for image in coco.dataset["images"]]
    assert names == [f"image_t{t:04d}.png" for t in range(3)]
    assert coco.dataset["info"]["scale"] == [30.0, 0.25, 0.5]


def test_images_have_the_names_of_the_files(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"img{number}.tif", np.zeros((20, 30), np.uint8))
    output = OutputDestination.parse(tmp_path / "out.coco.json")
    write(output, open_stack(folder))
    images = json.loads(output.path.read_text())["images"]
    assert [image["file_name"] for image in images] == ["img0.tif", "img1.tif", "img2.tif"]
