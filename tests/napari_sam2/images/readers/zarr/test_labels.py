"""The label image of an OME-Zarr image, wherever labels are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from napari_sam2.cli.app import run
from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.zarr.labels import label_location
from napari_sam2.images.stack import open_stack
from napari_sam2.session.tracks.imported_labels import open_label_stack
from tests.helpers.stack_files import noise, write_ome_zarr

SHAPE = (5, 8, 9)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image with values of its own, and the labels 1 and 2."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[:, 2:4, 2:5], labels[:, 5:7, 5:8] = 1, 2
    return write(tmp_path / "a.ome.zarr", {"objects": labels})


def write(path: Path, labels: dict[str, np.ndarray]) -> Path:
    write_ome_zarr(path, [noise(SHAPE)], "0.5", axes="tyx")
    zarr.open_group(path / "labels", mode="w").attrs["ome"] = {"labels": list(labels)}
    for name, values in labels.items():
        write_ome_zarr(path / "labels" / name, [values], "0.5", axes="tyx")
    return path


def test_measure_takes_the_labels_not_the_image(image: Path, tmp_path: Path) -> None:
    assert run(["measure", str(image), str(image), "--output", str(tmp_path / "t.csv")]) == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert set(table.label) == {1, 2}
    assert set(table.unit) == {"µm²"}


def test_export_takes_the_labels_not_the_image(image: Path, tmp_path: Path) -> None:
    command = ["export", str(image), "--format", "lineage", "--output", str(tmp_path / "l.csv")]
    assert run(command) == 0
    assert list(pd.read_csv(tmp_path / "l.csv").id) == [1, 2]


def test_import_takes_the_labels_not_the_image(image: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "i.tif", noise(SHAPE), metadata={"axes": "TYX"})
    labels = open_label_stack(image, open_stack(tmp_path / "i.tif"))
    assert labels.read((0,)).max() == 2


def test_several_label_images_are_refused(tmp_path: Path) -> None:
    two = write(tmp_path / "b.ome.zarr", {"cells": np.ones(SHAPE), "nuclei": np.ones(SHAPE)})
    with pytest.raises(UserError, match=r"several label images \(cells, nuclei\).*labels.cells"):
        label_location(two)
    assert label_location(two / "labels" / "cells") == two / "labels" / "cells"


def test_labels_of_an_image_at_a_url_are_found(image: Path) -> None:
    url = image.as_uri()
    assert label_location(url) == f"{url}/labels/objects"
    assert label_location(f"{url}/") == f"{url}/labels/objects"
    assert label_location(f"{url}/labels/objects") == f"{url}/labels/objects"


def test_a_packed_image_with_labels_is_refused(image: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "a.ome.zarr"), "zip", image)
    with pytest.raises(UserError, match=r"packed image with labels \(objects\)\. Unpack it"):
        label_location(packed)


@pytest.mark.parametrize("source", ["none.tif", "https://localhost:9/none.zarr", "none.zip"])
def test_other_sources_stay_as_they_are(source: str) -> None:
    assert label_location(source) == source
