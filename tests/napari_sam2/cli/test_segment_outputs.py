"""The segment command with every kind of output, read back by other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.inference import sam2_predictor as loading
from tests.helpers.command import FRAMES, RunFiles
from tests.helpers.dicom_files import SeriesWriter
from tests.helpers.fakes import FakePredictor

OBLIQUE = np.array(
    [[0.0, -0.7, 0.4, 12.5], [0.9, 0.1, 0.2, -30.25], [0.1, 0.3, 2.4, 7.0], [0, 0, 0, 1]]
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFiles:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    return RunFiles(tmp_path).create_files()


def test_nifti_by_nibabel(place: RunFiles) -> None:
    assert place.segment() == place.segment(out="o.nii.gz") == ExitCode.DONE
    image: Any = nibabel.load(place.folder / "o.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj)[:, :, 0].T, place.labels())


def test_file_urls(place: RunFiles) -> None:
    output = place.folder / "o p.tif"
    urls = [path.as_uri() for path in (place.movie, place.prompts, output)]
    options = ["--prompts", urls[1], "--output", urls[2]]
    assert run(["segment", urls[0], *options]) == place.segment() == ExitCode.DONE
    np.testing.assert_array_equal(tifffile.imread(output), place.labels())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_by_pycocotools(place: RunFiles) -> None:
    coco_api = pytest.importorskip("pycocotools.coco")
    assert place.segment() == place.segment(out="o.coco.json") == ExitCode.DONE
    coco = coco_api.COCO(place.folder / "o.coco.json")
    found = np.zeros(FRAMES.shape, np.uint16)
    for annotation in coco.dataset["annotations"]:
        frame = coco.imgs[annotation["image_id"]]["t"]
        found[frame][coco.annToMask(annotation).astype(bool)] = annotation["track_id"]
    np.testing.assert_array_equal(found, place.labels())


def test_png_by_imageio(place: RunFiles) -> None:
    imageio = pytest.importorskip("imageio.v3")
    assert place.segment() == place.segment(out="o.png") == ExitCode.DONE
    files = sorted((place.folder / "o.png").iterdir())
    found = np.stack([imageio.imread(file) for file in files])
    np.testing.assert_array_equal(found, place.labels())


@pytest.mark.parametrize("name", ["volume.nii", "volume.nii.gz"])
def test_labels_of_an_oblique_volume_have_its_affine(place: RunFiles, name: str) -> None:
    nibabel.save(nibabel.Nifti1Image(FRAMES.T.copy(), OBLIQUE), place.folder / name)
    place.write_prompts([_voxel(2)], axis="z")
    assert place.segment(source=place.folder / name, out="o.nii.gz") == ExitCode.DONE
    given: Any = nibabel.load(place.folder / name)
    found: Any = nibabel.load(place.folder / "o.nii.gz")
    assert found.shape == given.shape
    np.testing.assert_array_equal(found.affine, given.affine)
    labels = np.asarray(found.dataobj)
    assert np.mean((labels > 0) == (FRAMES.T > 100)) > 0.98
    assert labels[20 + 2 * 3, 30 + 2, 2] == 1


def test_labels_of_dicom_as_nifti_lie_at_its_place(place: RunFiles) -> None:
    volume = (FRAMES[:6].astype(np.int16) * 5 - 1000)[:, :64, :80]
    SeriesWriter(place.folder / "series").volume(volume)
    place.write_prompts([_voxel(2)], axis="z")
    source = place.folder / "series"
    assert place.segment("--window", "auto", source=source, out="o.nii.gz") == ExitCode.DONE
    from napari_sam2.images.stack import open_stack

    stack = open_stack(source)
    found: Any = nibabel.load(place.folder / "o.nii.gz")
    np.testing.assert_allclose(found.affine, stack.calibration.affine_from("XYZ"), rtol=1e-6)
    assert np.asarray(found.dataobj).shape == stack.label_shape[::-1]


def _voxel(frame: int) -> dict[str, Any]:
    """Return a click on the first object, which starts at (30, 20) and moves by (1, 3)."""
    point = {"frame": frame, "yx": [30 + frame, 20 + 3 * frame], "label": 1}
    return {"id": 1, "points": [point]}
