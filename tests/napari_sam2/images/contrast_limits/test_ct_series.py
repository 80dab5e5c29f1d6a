"""The automatic window of a CT series in DICOM files, whose values need a rescale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.images.contrast_limits.ct_windows import DEFAULT_WINDOW, ct_window_limits
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from tests.helpers.dicom_files import SeriesWriter


@pytest.fixture
def body() -> np.ndarray:
    """Return a body (z, y, x) in Hounsfield units: air, fat, soft tissue and bone."""
    y, x = np.mgrid[-1:1:48j, -1:1:64j]
    radius = np.hypot(y, x)
    values = np.select([radius < 0.2, radius < 0.6, radius < 0.75], [700, 45, -95], -1000)
    noise = np.random.default_rng(0).normal(0, 12, (5, 48, 64))
    return np.round(values + noise).astype(np.int16)


def write(folder: Path, body: np.ndarray, **tags: object) -> Path:
    rescale = {"RescaleSlope": 2, "RescaleIntercept": -1100}
    SeriesWriter(folder).volume(((body + 1100) // 2).astype(np.uint16), **rescale, **tags)
    return folder


def test_ct_values_get_the_default_window(tmp_path: Path, body: np.ndarray) -> None:
    stack = open_stack(write(tmp_path / "series", body))
    assert np.abs(stack.read((2,))[0] - body[2]).max() <= 1
    chosen = choose_intensity(stack, window="auto")
    assert chosen.limits == (ct_window_limits(DEFAULT_WINDOW),)
    assert any("--window auto" in note for note in choose_intensity(stack).notes)


def test_the_window_of_the_header_comes_first(tmp_path: Path, body: np.ndarray) -> None:
    tags = {"WindowCenter": [40, 300], "WindowWidth": [80, 1500]}
    stack = open_stack(write(tmp_path / "series", body, **tags))
    (limits,) = choose_intensity(stack, window="auto").limits
    assert limits == pytest.approx((0, 80), abs=1)
