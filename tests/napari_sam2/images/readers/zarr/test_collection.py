"""Positions, plates, wells and groups of OME-Zarr images."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise, write_ome_zarr

OME_XML = """<?xml version="1.0"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>"""
OME_IMAGE = (
    '<Image ID="Image:{0}" Name="{1}"><Pixels ID="Pixels:{0}" DimensionOrder="XYZCT" Type="uint8" '
    'SizeX="9" SizeY="8" SizeC="1" SizeZ="1" SizeT="3"><MetadataOnly/></Pixels></Image>'
)


@pytest.fixture
def images():
    return [noise((3, 8, 9)) + number for number in range(3)]


def _positions(path, images):
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    for number, image in enumerate(images):
        write_ome_zarr(path / str(number), [image], "0.4", axes="tyx")


def test_positions_are_scenes(tmp_path, images):
    _positions(tmp_path / "a.zarr", images)
    stack = open_stack(tmp_path / "a.zarr")
    assert stack.source.scenes == ("0", "1", "2")
    assert any("holds 3 images" in n and "--scene" in n for n in stack.notes)
    np.testing.assert_array_equal(stack.read((1,))[0], images[0][1])
    chosen = open_stack(tmp_path / "a.zarr", scene=2)
    assert (chosen.notes, chosen.source.scene) == ((), "2")
    np.testing.assert_array_equal(chosen.read((1,))[0], images[2][1])
    with pytest.raises(UserError, match="no scene '7'"):
        open_stack(tmp_path / "a.zarr", scene="7")


def test_positions_have_the_names_and_the_order_of_the_ome_group(tmp_path, images):
    _positions(tmp_path / "a.zarr", images)
    extra = zarr.open_group(tmp_path / "a.zarr" / "OME", mode="w", zarr_format=2)
    extra.attrs["series"] = ["2", "0", "1"]
    names = ("left", "middle", "right")
    text = OME_XML.format("".join(OME_IMAGE.format(i, n) for i, n in enumerate(names)))
    (tmp_path / "a.zarr" / "OME" / "METADATA.ome.xml").write_text(text)
    stack = open_stack(tmp_path / "a.zarr", scene="left")
    assert stack.source.scenes == names
    np.testing.assert_array_equal(stack.read((0,))[0], images[2][0])


def _plate(path, images, version):
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    wells = [{"path": f"B/0{n}", "rowIndex": 0, "columnIndex": n} for n in range(1, 4)]
    fields = {"B/02": ["0"], "B/03": ["0", "1"]}
    stored = iter(images)
    plate = {"plate": {"wells": wells, "rows": [{"name": "B"}], "columns": [], "version": version}}
    for well, names in fields.items():
        for name in names:
            write_ome_zarr(path / well / name, [next(stored)], version, axes="tyx")
        well_group = group.require_group(well)
        value = {"well": {"images": [{"path": name} for name in names]}}
        well_group.attrs.update(value if version == "0.4" else {"ome": value})
    group.attrs.update(plate if version == "0.4" else {"ome": plate})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_fields_of_a_plate_are_scenes_and_empty_wells_are_reported(tmp_path, images, version):
    _plate(tmp_path / "p.zarr", images, version)
    stack = open_stack(tmp_path / "p.zarr", scene="B/03/1")
    assert stack.source.scenes == ("B/02/0", "B/03/0", "B/03/1")
    assert any("1 well " in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read((2,))[0], images[2][2])
    default = open_stack(tmp_path / "p.zarr")
    assert any("0 (B/02/0) is read" in note for note in default.notes)
    well = open_stack(tmp_path / "p.zarr" / "B" / "03", scene=1)
    np.testing.assert_array_equal(well.read((2,))[0], images[2][2])


def test_a_plate_without_images_is_refused(tmp_path):
    group = zarr.open_group(tmp_path / "p.zarr", mode="w", zarr_format=2)
    group.attrs["plate"] = {"rows": [], "wells": [{"path": "A/1"}]}
    with pytest.raises(UserError, match="lists no image that exists"):
        open_stack(tmp_path / "p.zarr")


def test_a_listed_image_that_is_missing_is_named(tmp_path, images):
    _positions(tmp_path / "a.zarr", images)
    extra = zarr.open_group(tmp_path / "a.zarr" / "OME", mode="w", zarr_format=2)
    extra.attrs["series"] = ["0", "9"]
    with pytest.raises(UserError, match="image 9, which is missing"):
        open_stack(tmp_path / "a.zarr", scene="9")


def test_the_first_image_that_exists_is_opened(tmp_path, images):
    _plate(tmp_path / "p.zarr", images, "0.5")
    shutil.rmtree(tmp_path / "p.zarr" / "B" / "02" / "0")
    stack = open_stack(tmp_path / "p.zarr")
    assert stack.source.scene == "B/03/0"
    assert any("images that are missing: B/02/0." in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read((2,))[0], images[1][2])


def test_labels_are_never_the_image(tmp_path, images):
    write_ome_zarr(tmp_path / "a.zarr", [images[0]], "0.4", axes="tyx")
    labels = zarr.open_group(tmp_path / "a.zarr" / "labels", mode="w", zarr_format=2)
    labels.attrs["labels"] = ["nuclei"]
    write_ome_zarr(tmp_path / "a.zarr" / "labels" / "nuclei", [images[1]], "0.4", axes="tyx")
    stack = open_stack(tmp_path / "a.zarr")
    assert stack.source.scenes == ()
    np.testing.assert_array_equal(stack.read((0,))[0], images[0][0])
    with pytest.raises(UserError, match=r"holds labels, not an image \(nuclei\)"):
        open_stack(tmp_path / "a.zarr" / "labels")


def test_groups_of_images_without_metadata_are_scenes(tmp_path, images):
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for name, image in zip(("after", "before"), images, strict=False):
        write_ome_zarr(tmp_path / "a.zarr" / name, [image], "0.4", axes="tyx")
    stack = open_stack(tmp_path / "a.zarr", scene="before")
    assert stack.source.scenes == ("after", "before")
    np.testing.assert_array_equal(stack.read((0,))[0], images[1][0])
