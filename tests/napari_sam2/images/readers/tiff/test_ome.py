"""OME metadata: sizes, times, positions, channels, and files of a set that are missing."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import StackReadError
from napari_sam2.images.calibration import AxisStep
from napari_sam2.images.readers.tiff.ome import parse_ome
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

IDS = [f"urn:uuid:00000000-0000-0000-0000-00000000000{n}" for n in range(4)]


def _open(path, axes="TYX", shape=(4, 20, 30), **metadata):
    tifffile.imwrite(path, noise(shape), ome=True, metadata={"axes": axes, **metadata})
    return open_stack(path)


def test_units_are_kept(tmp_path):
    stack = _open(
        tmp_path / "a.ome.tif",
        PhysicalSizeX=250.0,
        PhysicalSizeXUnit="nm",
        PhysicalSizeY=0.25,
        TimeIncrement=5.0,
        TimeIncrementUnit="min",
    )
    assert stack.calibration.steps == {
        "X": AxisStep(250, "nanometer"),
        "Y": AxisStep(0.25, "micrometer"),
        "T": AxisStep(5, "minute"),
    }


def test_origin_is_the_position_of_the_first_plane_in_the_unit_of_the_axis(tmp_path):
    stack = _open(
        tmp_path / "a.ome.tif",
        PhysicalSizeX=250.0,
        PhysicalSizeXUnit="nm",
        Plane={"PositionX": [1.5] * 4, "PositionXUnit": ["µm"] * 4},
    )
    assert stack.calibration.step("X").origin == 1500.0


def test_times_and_positions_of_planes_give_missing_steps(tmp_path):
    stack = _open(tmp_path / "t.ome.tif", Plane={"DeltaT": [1.0, 3.0, 5.0, 7.0]})
    assert stack.calibration.step("T") == AxisStep(2, "second", 1)
    plane = {"PositionZ": [10.0, 8.0, 6.0, 4.0], "PositionZUnit": ["µm"] * 4}
    stack = _open(tmp_path / "z.ome.tif", "ZYX", Plane=plane)
    assert stack.calibration.step("Z") == AxisStep(2, "micrometer", 10)
    stack = _open(tmp_path / "u.ome.tif", Plane={"DeltaT": [1.0, 3.0, 9.0, 10.0]})
    assert any("not evenly spaced" in note for note in stack.notes)


def test_channel_names_and_bit_depth(tmp_path):
    stack = _open(
        tmp_path / "a.ome.tif",
        "CYX",
        (2, 20, 30),
        Channel={"Name": ["DAPI", "GFP"]},
        SignificantBits=12,
    )
    assert stack.source.channel_names == ("DAPI", "GFP")
    assert stack.source.significant_bits == 12


def test_damaged_xml():
    assert parse_ome("<OME") is None
    assert parse_ome("text") is None


def _write_set(folder, frames):
    blocks = "".join(
        f'<TiffData FirstT="{n}" FirstC="0" FirstZ="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="t{n}.ome.tif">{uuid}</UUID></TiffData>'
        for n, uuid in enumerate(IDS)
    )
    image = (
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
        f'SizeX="30" SizeY="20" SizeC="1" SizeZ="1" SizeT="4">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{blocks}</Pixels></Image>'
    )
    for number, frame in enumerate(frames):
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{IDS[number]}">{image}</OME>'
        )
        path = folder / f"t{number}.ome.tif"
        tifffile.imwrite(path, frame, metadata=None, description=xml.encode())


def test_all_files_of_a_set_are_read_and_watched(tmp_path):
    frames = noise((4, 20, 30))
    _write_set(tmp_path, frames)
    stack = open_stack(tmp_path / "t1.ome.tif")
    assert (stack.axes, stack.n_frames, stack.notes) == ("TYX", 4, ())
    assert {path.name for path in stack.source.files} == {f"t{n}.ome.tif" for n in range(4)}
    np.testing.assert_array_equal(np.stack([stack.read((n,))[0] for n in range(4)]), frames)


def test_planes_of_a_missing_file_cannot_be_read_and_the_file_is_named(tmp_path):
    frames = noise((4, 20, 30))
    _write_set(tmp_path, frames)
    (tmp_path / "t2.ome.tif").unlink()
    stack = open_stack(tmp_path / "t0.ome.tif")
    assert any("1 of 4 planes" in n and "t2.ome.tif" in n for n in stack.notes)
    with pytest.raises(StackReadError, match=r"t=2.*t2\.ome\.tif"):
        stack.read((2,))
    np.testing.assert_array_equal(stack.read((3,))[0], frames[3])


OME = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (
            f'{OME} UUID="{IDS[0]}"><BinaryOnly MetadataFile="x.companion.ome" UUID="{IDS[1]}"/>'
            "</OME>",
            r"x\.companion\.ome",
        ),
        (f"{OME}><Image></OME>", "metadata of a.ome.tif are damaged"),
    ],
)
def test_pages_without_usable_ome_metadata_are_read_with_a_note(tmp_path, xml, words):
    array = noise((20, 30))
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata=None, description=xml)
    stack = open_stack(tmp_path / "a.ome.tif")
    assert any(re.search(words, note) for note in stack.notes)
    np.testing.assert_array_equal(stack.read(())[0], array)
